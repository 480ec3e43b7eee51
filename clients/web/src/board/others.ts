/** Where others point, and what they are drawing before it is done: told through awareness, bounded, never stored. */
import { nameOf, seriesOf } from '../editor/status';
import type { Point } from './geometry';
import { COLORS, KINDS, type Color, type Kind } from './shapes';

/** What somebody is about to add. Points come in portions: those from `from` on. */
export interface Draw {
  readonly id: string;
  readonly kind: Kind;
  readonly color: Color;
  readonly stroke: number;
  readonly from: number;
  readonly points: readonly number[];
}

/** Shapes that somebody is moving. */
export interface Move {
  readonly ids: readonly string[];
  readonly dx: number;
  readonly dy: number;
}

export interface Said {
  readonly at: Point | null;
  readonly draw: Draw | null;
  readonly move: Move | null;
}

export interface Other {
  readonly id: number;
  readonly name: string;
  readonly series: number;
  readonly at: Point | null;
  /** All of the stroke that has come so far, x, y, pressure. */
  readonly draw: (Omit<Draw, 'from'> & { readonly points: readonly number[] }) | null;
  readonly move: Move | null;
}

/** The newest points of a stroke that go with one message: some two thousand letters. */
export const MOST_SENT = 120;
/** Of others that are shown at once, and shapes that move under one hand. */
const MOST_OTHERS = 50;
export const MOST_MOVING = 100;
const MOST_DRAWN = 6_000;
const FAR = 1_000_000;

/** Between two messages: the more are here, the rarer, because each is told to all. */
export const pause = (others: number): number => Math.min(1_000, 60 + 20 * others);

const numbers = (value: unknown, most: number): number[] =>
  Array.isArray(value)
    ? value.slice(0, most).map((each) => (typeof each === 'number' && Math.abs(each) < FAR ? each : 0))
    : [];

function pointOf(value: unknown): Point | null {
  const [x, y] = numbers(value, 2);
  return x === undefined || y === undefined ? null : { x, y };
}

function drawOf(value: unknown): Draw | null {
  const of = (value ?? {}) as Record<string, unknown>;
  if (typeof of.id !== 'string' || !(KINDS as readonly unknown[]).includes(of.kind)) return null;
  const color = (COLORS as readonly unknown[]).includes(of.color) ? (of.color as Color) : 'ink';
  const stroke = typeof of.stroke === 'number' ? Math.max(1, Math.min(40, of.stroke)) : 2;
  const from = typeof of.from === 'number' && of.from >= 0 ? Math.floor(of.from) : 0;
  return { id: of.id, kind: of.kind as Kind, color, stroke, from, points: numbers(of.points, MOST_SENT * 3) };
}

function moveOf(value: unknown): Move | null {
  const of = (value ?? {}) as Record<string, unknown>;
  const [dx, dy] = numbers(of.by, 2);
  if (!Array.isArray(of.ids) || dx === undefined || dy === undefined) return null;
  return { ids: of.ids.filter((id) => typeof id === 'string').slice(0, MOST_MOVING), dx, dy };
}

/** A portion behind what is known of the same stroke; what was lost in between is bridged. */
export function joined(known: readonly number[], draw: Draw): readonly number[] {
  const all = [...known.slice(0, draw.from), ...draw.points];
  return all.length > MOST_DRAWN ? all.slice(-MOST_DRAWN) : all;
}

export class Others {
  readonly #strokes = new Map<number, { id: string; points: readonly number[] }>();

  /** Who is here besides `self`, and what they do. */
  read(states: ReadonlyMap<number, Record<string, unknown>>, self: number): Other[] {
    const found: Other[] = [];
    for (const [id, state] of states) {
      if (id === self || !state?.user || found.length >= MOST_OTHERS) continue;
      const board = (state.board ?? {}) as Record<string, unknown>;
      const draw = drawOf(board.draw);
      let points: readonly number[] = [];
      if (draw) {
        const known = this.#strokes.get(id);
        points = joined(known?.id === draw.id ? known.points : [], draw);
        this.#strokes.set(id, { id: draw.id, points });
      } else this.#strokes.delete(id);
      found.push({
        id,
        name: nameOf((state.user as { name?: unknown }).name),
        series: seriesOf(id),
        at: pointOf(board.at),
        draw: draw && { ...draw, points },
        move: moveOf(board.move),
      });
    }
    for (const id of this.#strokes.keys()) if (!states.has(id)) this.#strokes.delete(id);
    return found;
  }
}

/** What goes into the awareness state: short, because it is told to everybody. */
export function told({ at, draw, move }: Said): Record<string, unknown> {
  const short = (value: number) => Math.round(value * 4) / 4;
  return {
    at: at && [short(at.x), short(at.y)],
    draw: draw && { ...draw, points: draw.points.map(short) },
    move: move && { ids: move.ids, by: [short(move.dx), short(move.dy)] },
  };
}

/** The end of a growing stroke as a message. */
export function portion(draw: Omit<Draw, 'from'>): Draw {
  const from = Math.max(0, draw.points.length - MOST_SENT * 3);
  return { ...draw, from, points: draw.points.slice(from) };
}
