import { describe, expect, test } from 'vitest';
import * as g from '../../src/board/geometry';
import { shapeLike } from '../../src/board/hand';
import type { Shape } from '../../src/board/shapes';

const shape = (of: Partial<Shape> & Pick<Shape, 'kind'>): Shape => ({ ...shapeLike(of.kind), id: 's', ...of });
const box = shape({ kind: 'rectangle', x: 100, y: 100, width: 200, height: 100 });
const line = shape({ kind: 'line', x: 10, y: 10, points: [0, 0, 0.5, 100, 0, 0.5] });

describe('looking', () => {
  test('what is under a finger stays there while zooming', () => {
    const camera = { x: 30, y: -20, zoom: 1.5 };
    const at = { x: 200, y: 80 };
    const under = g.toBoard(camera, at);
    for (const zoom of [0.1, 0.9, 4, 100]) {
      const next = g.zoomedAt(camera, at, zoom);
      expect(g.toScreen(next, under).x).toBeCloseTo(at.x);
      expect(g.toScreen(next, under).y).toBeCloseTo(at.y);
      expect(next.zoom).toBeLessThanOrEqual(g.MOST_ZOOM);
    }
  });
  test('everything fits, in the middle, and is never blown up', () => {
    const size = { width: 800, height: 600 };
    const wide = g.fitted({ x: 0, y: 0, width: 7_000, height: 100 }, size);
    expect(g.toScreen(wide, { x: 0, y: 50 }).x).toBeCloseTo(48);
    expect(g.toScreen(wide, { x: 0, y: 50 }).y).toBeCloseTo(300);
    expect(g.fitted({ x: 5, y: 5, width: 10, height: 10 }, size).zoom).toBe(1);
  });
});

describe('what is under a finger', () => {
  test('a hollow box is hit at its edge and at its words, a filled one anywhere', () => {
    expect(g.hits(box, { x: 200, y: 150 }, 6)).toBe(false);
    expect(g.hits(box, { x: 103, y: 150 }, 6)).toBe(true);
    expect(g.hits(box, { x: 95, y: 150 }, 6)).toBe(true);
    expect(g.hits(box, { x: 80, y: 150 }, 6)).toBe(false);
    expect(g.hits({ ...box, fill: '1' }, { x: 200, y: 150 }, 6)).toBe(true);
    expect(g.hits({ ...box, text: 'words' }, { x: 200, y: 150 }, 6)).toBe(true);
  });
  test('an ellipse is round', () => {
    const round = { ...box, kind: 'ellipse' as const };
    expect(g.hits({ ...round, fill: '1' }, { x: 105, y: 105 }, 3)).toBe(false);
    expect(g.hits({ ...round, fill: '1' }, { x: 200, y: 150 }, 3)).toBe(true);
    expect(g.hits(round, { x: 200, y: 150 }, 3)).toBe(false);
    expect(g.hits(round, { x: 200, y: 101 }, 3)).toBe(true);
  });
  test('a line is hit along its way, and thick ones from further off', () => {
    expect(g.hits(line, { x: 60, y: 14 }, 6)).toBe(true);
    expect(g.hits(line, { x: 60, y: 24 }, 6)).toBe(false);
    expect(g.hits({ ...line, stroke: 20 }, { x: 60, y: 24 }, 6)).toBe(true);
    expect(g.hits(line, { x: 130, y: 10 }, 6)).toBe(false);
  });
  test('a turned box is hit where it is seen', () => {
    const turned = { ...box, fill: '1' as const, rotation: 90 };
    expect(g.hits(turned, { x: 200, y: 80 }, 2)).toBe(true);
    expect(g.hits(turned, { x: 110, y: 150 }, 2)).toBe(false);
  });
  test('a quick wipe misses nothing on its way', () => {
    expect(g.wiped(line, { x: 60, y: -300 }, { x: 60, y: 300 }, 6)).toBe(true);
    expect(g.wiped(line, { x: 160, y: -300 }, { x: 160, y: 300 }, 6)).toBe(false);
  });
});

describe('changing', () => {
  test('several shapes keep their places within what is pulled', () => {
    const from = { x: 0, y: 0, width: 100, height: 100 };
    const to = { x: 0, y: 0, width: 200, height: 50 };
    expect(g.resized(shape({ kind: 'note', x: 50, y: 50, width: 50, height: 50 }), from, to)).toEqual({
      x: 100,
      y: 25,
      width: 100,
      height: 25,
    });
    expect(g.resized(shape({ kind: 'pen', x: 0, y: 0, points: [0, 0, 0.5, 40, 40, 0.25] }), from, to).points).toEqual([
      0, 0, 0.5, 80, 20, 0.25,
    ]);
    const flat = { x: 10, y: 10, width: 100, height: 0 };
    expect(g.resized(line, flat, { ...flat, width: 50 })).toEqual({ x: 10, y: 10, points: [0, 0, 0.5, 50, 0, 0.5] });
  });
  test('the opposite corner stays, and nothing turns inside out', () => {
    for (const corner of g.CORNERS) {
      const over = g.pulled(box, corner, { x: corner.endsWith('w') ? 900 : -900, y: 0 }, false);
      expect(over.width).toBe(8);
      const kept = corner.endsWith('w') ? over.x + over.width : over.x;
      expect(kept).toBe(corner.endsWith('w') ? 300 : 100);
    }
    const even = g.pulled(box, 'se', { x: 200, y: 0 }, true);
    expect([even.width, even.height]).toEqual([400, 200]);
  });
  test('a stroke loses only points that nobody sees', () => {
    const straight = Array.from({ length: 50 }, (_, i) => [i, 0, 0.5]).flat();
    expect(g.thinned(straight, 0.5)).toEqual([0, 0, 0.5, 49, 0, 0.5]);
    const bent = [0, 0, 0.5, 50, 40, 0.5, 100, 0, 0.5];
    expect(g.thinned(bent, 0.5)).toEqual(bent);
    const circle = Array.from({ length: 400 }, (_, i) => [100 * Math.cos(i / 60), 100 * Math.sin(i / 60), 0.5]).flat();
    const kept = g.thinned(circle, 0.5);
    expect(kept.length).toBeLessThan(circle.length / 5);
    for (let i = 0; i < circle.length; i += 3) {
      const at = { x: circle[i]!, y: circle[i + 1]! };
      const off = Array.from({ length: kept.length / 3 - 1 }, (_, k) =>
        g.distance(at, { x: kept[k * 3]!, y: kept[k * 3 + 1]! }, { x: kept[k * 3 + 3]!, y: kept[k * 3 + 4]! }),
      );
      expect(Math.min(...off)).toBeLessThanOrEqual(0.5);
    }
  });
  test('a line begins at its upper left corner', () => {
    expect(g.lineFrom([10, 30, 0.5, 4, 60, 1])).toEqual({ x: 4, y: 30, points: [6, 0, 0.5, 0, 30, 1] });
  });
});
