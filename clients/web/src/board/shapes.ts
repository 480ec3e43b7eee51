/** What is on a board, as plain values. They come from the document, where others may have written anything. */

export const KINDS = ['pen', 'line', 'arrow', 'rectangle', 'ellipse', 'note', 'text', 'image'] as const;
export type Kind = (typeof KINDS)[number];
/** Colours by name: ink, and the six series of the theme. What they look like is the theme's business. */
export const COLORS = ['ink', '1', '2', '3', '4', '5', '6'] as const;
export type Color = (typeof COLORS)[number];
/** How thick a line is, in units of the board. For text the size goes with it. */
export const STROKES = [2, 4, 8] as const;

/** The most shapes that a board holds. */
export const MOST_SHAPES = 5_000;
/** The longest text of a shape. */
export const MOST_TEXT = 5_000;
/** The most points of one line; a longer one goes on as another. */
export const MOST_POINTS = 1_000;
/** Nothing is further away than this. */
const FAR = 1_000_000;
const LARGE = 100_000;

export interface Shape {
  readonly id: string;
  readonly kind: Kind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Degrees, about the middle. */
  readonly rotation: number;
  /** Of a line: x, y, pressure, x, y, pressure, … relative to x and y. */
  readonly points: readonly number[];
  readonly color: Color;
  readonly fill: Color | null;
  readonly stroke: number;
  readonly text: string;
  /** Of an image: where it is. */
  readonly file: string | null;
  readonly locked: boolean;
  readonly order: string;
}

/** What a shape is made of before it has an id and a place in the order. */
export type Draft = Partial<Omit<Shape, 'id' | 'order'>> & {
  readonly kind: Kind;
  readonly x: number;
  readonly y: number;
};

export const isLine = (kind: Kind): boolean => kind === 'pen' || kind === 'line' || kind === 'arrow';
export const holdsText = (kind: Kind): boolean => ['note', 'text', 'rectangle', 'ellipse'].includes(kind);

/** Numbers of the size that a new shape has where nobody says another. */
export const SIZES: Readonly<Partial<Record<Kind, readonly [number, number]>>> = {
  rectangle: [200, 120],
  ellipse: [200, 120],
  note: [200, 200],
  text: [240, 0],
  line: [200, 0],
  arrow: [200, 0],
};

const number = (value: unknown, none: number, most: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? Math.max(-most, Math.min(most, value)) : none;
const color = (value: unknown): Color | null =>
  (COLORS as readonly unknown[]).includes(value) ? (value as Color) : null;

/** Whole triples of numbers, and not too many. */
function points(value: unknown): readonly number[] {
  if (!Array.isArray(value)) return [];
  const most = Math.min(Math.floor(value.length / 3), MOST_POINTS * 2) * 3;
  const taken: number[] = [];
  for (let i = 0; i < most; i += 1) taken.push(number(value[i], 0, LARGE));
  return taken;
}

/** A shape by its entries; null for what is none that we know. */
export function shapeOf(id: string, of: (name: string) => unknown): Shape | null {
  const kind = of('kind');
  if (!(KINDS as readonly unknown[]).includes(kind)) return null;
  const text = String(of('text') ?? '');
  const file = of('file');
  const shape: Shape = {
    id,
    kind: kind as Kind,
    x: number(of('x'), 0, FAR),
    y: number(of('y'), 0, FAR),
    width: Math.abs(number(of('width'), 0, LARGE)),
    height: Math.abs(number(of('height'), 0, LARGE)),
    rotation: number(of('rotation'), 0, 360),
    points: points(of('points')),
    color: color(of('color')) ?? 'ink',
    fill: color(of('fill')),
    stroke: Math.max(1, Math.min(40, number(of('stroke'), 2, 40))),
    text: text.length > MOST_TEXT ? text.slice(0, MOST_TEXT) : text,
    // Only what this very server keeps.
    file: typeof file === 'string' && /^\/files\/[\w-]{1,120}$/.test(file) ? file : null,
    locked: of('locked') === true,
    order: typeof of('order') === 'string' ? (of('order') as string) : '',
  };
  return isLine(shape.kind) && shape.points.length < 3 ? null : shape;
}

/** The entries to write: nothing that a reader would assume anyway, because each costs everybody memory. */
export function entriesOf(draft: Draft): [string, unknown][] {
  const entries: [string, unknown][] = [
    ['kind', draft.kind],
    ['x', round(draft.x)],
    ['y', round(draft.y)],
  ];
  if (draft.width) entries.push(['width', round(draft.width)]);
  if (draft.height) entries.push(['height', round(draft.height)]);
  if (draft.rotation) entries.push(['rotation', draft.rotation]);
  if (draft.points?.length) entries.push(['points', [...draft.points]]);
  if (draft.color && draft.color !== 'ink') entries.push(['color', draft.color]);
  if (draft.fill) entries.push(['fill', draft.fill]);
  if (draft.stroke && draft.stroke !== 2) entries.push(['stroke', draft.stroke]);
  if (draft.file) entries.push(['file', draft.file]);
  if (draft.locked) entries.push(['locked', true]);
  return entries;
}

/** Quarters are exact in few bytes; finer than that nobody sees. */
export const round = (value: number): number => Math.round(value * 4) / 4;

/** Shapes from back to front; equal places by id, so that it is the same for everybody. */
export function before(a: Shape, b: Shape): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
