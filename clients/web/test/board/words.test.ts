import { expect, test } from 'vitest';
import { pieces } from '../../src/board/draw';
import { fileName, frameOf, mixed, toSvg } from '../../src/board/export';
import { shapeLike } from '../../src/board/hand';
import { joined, MOST_SENT, Others, pause, portion, told } from '../../src/board/others';
import { shapeOf, type Shape } from '../../src/board/shapes';
import { change, guess, within, wrapped } from '../../src/board/words';

const ten = (text: string) => text.length * 10;

test('words go to the next line, and long ones are cut', () => {
  expect(wrapped('one two three', 80, 10, ten)).toEqual(['one two', 'three']);
  expect(wrapped('a\n\nb', 80, 10, ten)).toEqual(['a', '', 'b']);
  expect(wrapped('unbelievable', 50, 10, ten)).toEqual(['unbel', 'ievab', 'le']);
});

test('words become smaller until they fit, and end with dots where they never do', () => {
  const few = within('Hello', 200, 200, guess);
  const many = within('Hello world '.repeat(40), 200, 200, guess);
  expect(few).toEqual({ size: 22, lines: ['Hello'] });
  expect(many.size).toBe(12);
  expect(many.lines.at(-1)).toMatch(/…$/);
  expect(many.lines.length * many.size * 1.3).toBeLessThanOrEqual(200);
});

test('one text becomes the other by one small change', () => {
  const cases = [
    ['', 'abc'],
    ['abc', ''],
    ['the cat', 'the black cat'],
    ['aaa', 'aa'],
    ['a😀b', 'a😁b'],
    ['😀', '😀😀'],
  ] as const;
  for (const [from, to] of cases) {
    const { at, remove, insert } = change(from, to);
    expect(from.slice(0, at) + insert + from.slice(at + remove)).toBe(to);
    // No half of a letter is ever written.
    expect(insert).not.toMatch(/(?:^|[^\ud800-\udbff])[\udc00-\udfff]|[\ud800-\udbff](?![\udc00-\udfff])/);
  }
  expect(change('the cat', 'the black cat')).toEqual({ at: 4, remove: 0, insert: 'black ' });
});

const note: Shape = { ...shapeLike('note'), id: 'n', x: 10, y: 20, width: 200, height: 200, color: '5', text: '<b>&"' };
const palette = {
  surface: '#ffffff',
  fills: { ink: '#000000', 1: '#111111', 2: '#222222', 3: '#333333', 4: '#444444', 5: '#866b12', 6: '#666666' },
  colors: { ink: '#000000', 1: '#111111', 2: '#222222', 3: '#333333', 4: '#444444', 5: '#866b12', 6: '#666666' },
};

test('a picture has all shapes in their colours, and words are only words', () => {
  const svg = toSvg([note], 'A & B', palette, guess);
  const page = new DOMParser().parseFromString(svg, 'image/svg+xml');
  expect(page.querySelector('parsererror')).toBeNull();
  expect(page.querySelector('text')!.textContent).toBe('<b>&"');
  expect(page.querySelector('title')!.textContent).toBe('A & B');
  expect(page.querySelector('path')!.getAttribute('fill')).toBe(mixed('#866b12', '#ffffff'));
  expect(frameOf([note])).toEqual({ x: -26, y: -16, width: 272, height: 272 });
  expect(frameOf([]).width).toBeGreaterThan(0);
  expect([fileName('Was wir fanden: Ä/ö?'), fileName('…')]).toEqual(['Was-wir-fanden-Ä-ö', 'board']);
});

test('a pen draws an outline, an arrow has a head', () => {
  const pen = pieces({ ...shapeLike('pen'), points: [0, 0, 0.5, 30, 10, 0.5, 60, 0, 0.5] }, guess)[0]!;
  expect(pen.tag === 'path' && pen.fill && /^M.+Z$/.test(pen.d)).toBe(true);
  const arrow = pieces({ ...shapeLike('arrow'), points: [0, 0, 0.5, 60, 0, 0.5] }, guess)[0]!;
  expect(arrow.tag === 'path' && arrow.d.match(/M/g)).toHaveLength(2);
});

test('what others wrote into the document is taken for what it is, or not at all', () => {
  const read = (of: Record<string, unknown>) => shapeOf('x', (name) => of[name]);
  expect(read({ kind: 'virus', x: 1, y: 1 })).toBeNull();
  expect(read({ kind: 'pen', points: 'no' })).toBeNull();
  const odd = read({
    kind: 'note',
    x: NaN,
    y: '3',
    width: -50,
    color: 'url(x)',
    stroke: 1e9,
    text: 'x'.repeat(9_000),
  })!;
  expect([odd.x, odd.y, odd.width, odd.color, odd.stroke, odd.text.length]).toEqual([0, 0, 50, 'ink', 40, 5_000]);
  for (const file of ['https://evil.example/x.png', '/files/../api', 'javascript:1', '/files/a b'])
    expect(read({ kind: 'image', file })!.file).toBeNull();
  expect(read({ kind: 'image', file: '/files/aB3_-x' })!.file).toBe('/files/aB3_-x');
});

test('a growing stroke is told in portions, and put together on the other side', () => {
  const all = Array.from({ length: 900 }, (_, i) => i / 4);
  let known: readonly number[] = [];
  for (let count = 3; count <= all.length; count += 60) {
    const draw = portion({ id: 'a', kind: 'pen', color: 'ink', stroke: 2, points: all.slice(0, count) });
    expect(draw.points.length).toBeLessThanOrEqual(MOST_SENT * 3);
    known = joined(known, draw);
    expect(known).toEqual(all.slice(0, count));
  }
  // What nobody would believe is not believed, and the message stays small.
  const draw = portion({ id: 'a', kind: 'pen' as const, color: 'ink' as const, stroke: 2, points: all });
  expect(JSON.stringify(told({ at: { x: 1 / 3, y: 2 }, draw, move: null })).length).toBeLessThan(8_000);
  const states = new Map<number, Record<string, unknown>>([
    [1, { user: { name: 'me' } }],
    [2, { user: { name: 'Bo' }, board: { at: [1e12, 'x'], draw: { id: 7 }, move: { ids: [1, 'a'], by: [1, 2] } } }],
  ]);
  expect(new Others().read(states, 1)).toEqual([
    { id: 2, name: 'Bo', series: 3, at: { x: 0, y: 0 }, draw: null, move: { ids: ['a'], dx: 1, dy: 2 } },
  ]);
  expect([pause(0), pause(200)]).toEqual([60, 1_000]);
});
