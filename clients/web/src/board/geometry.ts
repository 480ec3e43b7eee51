/** Where things are on a board, and what is under a finger. Pure. */
import { isLine, round, type Shape } from './shapes';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What of the board is seen: the point in the corner, and how large things are. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export const LEAST_ZOOM = 0.05;
export const MOST_ZOOM = 8;

export const clampZoom = (zoom: number): number => Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, zoom));
export const toBoard = (camera: Camera, at: Point): Point => ({
  x: at.x / camera.zoom + camera.x,
  y: at.y / camera.zoom + camera.y,
});
export const toScreen = (camera: Camera, at: Point): Point => ({
  x: (at.x - camera.x) * camera.zoom,
  y: (at.y - camera.y) * camera.zoom,
});

/** Larger or smaller, and what is under `at` stays there. */
export function zoomedAt(camera: Camera, at: Point, zoom: number): Camera {
  const to = clampZoom(zoom);
  const under = toBoard(camera, at);
  return { x: under.x - at.x / to, y: under.y - at.y / to, zoom: to };
}

/** All of a box, in the middle, never larger than life. */
export function fitted(box: Box, size: { width: number; height: number }): Camera {
  const margin = Math.min(48, size.width * 0.06);
  const room = { width: Math.max(1, size.width - 2 * margin), height: Math.max(1, size.height - 2 * margin) };
  const zoom = clampZoom(Math.min(1, room.width / Math.max(1, box.width), room.height / Math.max(1, box.height)));
  return {
    x: box.x + box.width / 2 - size.width / zoom / 2,
    y: box.y + box.height / 2 - size.height / zoom / 2,
    zoom,
  };
}

export function boxOf(shape: Shape): Box {
  if (!isLine(shape.kind)) return { x: shape.x, y: shape.y, width: shape.width, height: shape.height };
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const { points } = shape;
  for (let i = 0; i + 1 < points.length; i += 3) {
    left = Math.min(left, points[i]!);
    right = Math.max(right, points[i]!);
    top = Math.min(top, points[i + 1]!);
    bottom = Math.max(bottom, points[i + 1]!);
  }
  return { x: shape.x + left, y: shape.y + top, width: right - left, height: bottom - top };
}

export const grown = (box: Box, by: number): Box => ({
  x: box.x - by,
  y: box.y - by,
  width: box.width + 2 * by,
  height: box.height + 2 * by,
});

export const meet = (a: Box, b: Box): boolean =>
  a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;

export const inside = (box: Box, at: Point): boolean =>
  at.x >= box.x && at.y >= box.y && at.x <= box.x + box.width && at.y <= box.y + box.height;

export const holds = (outer: Box, inner: Box): boolean =>
  inside(outer, inner) && inside(outer, { x: inner.x + inner.width, y: inner.y + inner.height });

/** The box around boxes; null around nothing. */
export function around(boxes: Iterable<Box>): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return left > right ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

/** The box between two corners, whichever they are. */
export const between = (a: Point, b: Point): Box => ({
  x: Math.min(a.x, b.x),
  y: Math.min(a.y, b.y),
  width: Math.abs(a.x - b.x),
  height: Math.abs(a.y - b.y),
});

export function distance(at: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const long = dx * dx + dy * dy;
  const t = long === 0 ? 0 : Math.max(0, Math.min(1, ((at.x - a.x) * dx + (at.y - a.y) * dy) / long));
  return Math.hypot(at.x - a.x - t * dx, at.y - a.y - t * dy);
}

function turned(at: Point, about: Point, degrees: number): Point {
  const angle = (degrees * Math.PI) / 180;
  const [dx, dy] = [at.x - about.x, at.y - about.y];
  return {
    x: about.x + dx * Math.cos(angle) - dy * Math.sin(angle),
    y: about.y + dx * Math.sin(angle) + dy * Math.cos(angle),
  };
}

const middle = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

function onLine(shape: Shape, at: Point, reach: number): boolean {
  const { points, x, y } = shape;
  if (points.length === 3) return Math.hypot(at.x - x - points[0]!, at.y - y - points[1]!) <= reach;
  for (let i = 0; i + 4 < points.length; i += 3) {
    const a = { x: x + points[i]!, y: y + points[i + 1]! };
    const b = { x: x + points[i + 3]!, y: y + points[i + 4]! };
    if (distance(at, a, b) <= reach) return true;
  }
  return false;
}

/** Is the shape at this place, give or take `reach`? What is empty inside is hit at its edge, or at its words. */
export function hits(shape: Shape, place: Point, reach: number): boolean {
  const box = boxOf(shape);
  const at = shape.rotation ? turned(place, middle(box), -shape.rotation) : place;
  const near = reach + shape.stroke / 2;
  if (!inside(grown(box, near + shape.stroke), at)) return false;
  if (isLine(shape.kind)) return onLine(shape, at, near + (shape.kind === 'pen' ? shape.stroke / 2 : 0));
  const filled = shape.fill !== null || shape.text !== '' || !['rectangle', 'ellipse'].includes(shape.kind);
  if (shape.kind === 'ellipse') {
    const [rx, ry] = [Math.max(1, box.width / 2), Math.max(1, box.height / 2)];
    const centre = middle(box);
    const from = Math.hypot((at.x - centre.x) / rx, (at.y - centre.y) / ry);
    const slack = near / Math.min(rx, ry);
    return from <= 1 + slack && (filled || from >= 1 - slack);
  }
  if (!inside(grown(box, reach), at)) return false;
  return filled || !holds(grown(box, -near), { ...at, width: 0, height: 0 });
}

/** Does a wipe from `a` to `b` touch the shape? */
export function wiped(shape: Shape, a: Point, b: Point, reach: number): boolean {
  const box = grown(boxOf(shape), reach + shape.stroke);
  if (!shape.rotation && !meet(box, between(a, b))) return false;
  const steps = Math.max(1, Math.min(200, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / Math.max(1, reach))));
  for (let i = 0; i <= steps; i += 1) {
    const t = i / steps;
    if (hits(shape, { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t }, reach)) return true;
  }
  return false;
}

/** The numbers of a shape after what was in `from` fills `to`. */
export function resized(shape: Shape, from: Box, to: Box): Partial<Shape> {
  const sx = from.width > 0 ? to.width / from.width : 1;
  const sy = from.height > 0 ? to.height / from.height : 1;
  const x = round(to.x + (shape.x - from.x) * sx);
  const y = round(to.y + (shape.y - from.y) * sy);
  if (!isLine(shape.kind)) return { x, y, width: round(shape.width * sx), height: round(shape.height * sy) };
  const points = shape.points.map((value, i) => (i % 3 === 2 ? value : round(value * (i % 3 === 0 ? sx : sy))));
  return { x, y, points };
}

export type Corner = 'nw' | 'ne' | 'sw' | 'se';
export const CORNERS: readonly Corner[] = ['nw', 'ne', 'sw', 'se'];

export const cornerOf = (box: Box, corner: Corner): Point => ({
  x: corner.endsWith('w') ? box.x : box.x + box.width,
  y: corner.startsWith('n') ? box.y : box.y + box.height,
});

/** The box after its corner was pulled; it does not turn inside out. `keep`: in the same proportions. */
export function pulled(box: Box, corner: Corner, by: Point, keep: boolean, least = 8): Box {
  const [west, north] = [corner.endsWith('w'), corner.startsWith('n')];
  let width = Math.max(Math.min(least, box.width), box.width + (west ? -by.x : by.x));
  let height = Math.max(Math.min(least, box.height), box.height + (north ? -by.y : by.y));
  if (keep && box.width > 0 && box.height > 0) {
    const scale = Math.max(width / box.width, height / box.height);
    width = box.width * scale;
    height = box.height * scale;
  }
  return {
    x: west ? box.x + box.width - width : box.x,
    y: north ? box.y + box.height - height : box.y,
    width,
    height,
  };
}

/** The points of a stroke that matter: those that lie further off than `slack` (Ramer–Douglas–Peucker, no recursion). */
export function thinned(points: readonly number[], slack: number): number[] {
  const count = Math.floor(points.length / 3);
  if (count <= 2) return [...points];
  const keep = new Uint8Array(count);
  keep[0] = keep[count - 1] = 1;
  const at = (i: number): Point => ({ x: points[i * 3]!, y: points[i * 3 + 1]! });
  const parts: [number, number][] = [[0, count - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    let [worst, index] = [slack, -1];
    for (let i = from + 1; i < to; i += 1) {
      const off = distance(at(i), at(from), at(to));
      if (off > worst) [worst, index] = [off, i];
    }
    if (index < 0) continue;
    keep[index] = 1;
    parts.push([from, index], [index, to]);
  }
  const left: number[] = [];
  for (let i = 0; i < count; i += 1) if (keep[i]) left.push(points[i * 3]!, points[i * 3 + 1]!, points[i * 3 + 2]!);
  return left;
}

/** Places on the board as a line of its own: where it begins, and the points from there. */
export function lineFrom(places: readonly number[]): { x: number; y: number; points: number[] } {
  let [left, top] = [Infinity, Infinity];
  for (let i = 0; i + 2 < places.length; i += 3) {
    left = Math.min(left, places[i]!);
    top = Math.min(top, places[i + 1]!);
  }
  const [x, y] = [round(left), round(top)];
  const points = places.map((value, i) => (i % 3 === 2 ? Math.round(value * 16) / 16 : round(value - (i % 3 ? y : x))));
  return { x, y, points };
}
