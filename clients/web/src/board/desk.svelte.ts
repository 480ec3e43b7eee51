/** What somebody at a board has before them: where they look, what is in their hand, what is selected. */
import type { Awareness } from 'y-protocols/awareness';
import type { Board, Paper } from './board';
import { textHeight } from './draw';
import { around, boxOf, fitted, grown, hits, meet, resized, toBoard, zoomedAt } from './geometry';
import type { Box, Camera, Point } from './geometry';
import { MOST_MOVING, Others, pause, portion, told, type Draw, type Other, type Said } from './others';
import { holdsText, isLine, round, SIZES, type Color, type Draft, type Kind, type Shape } from './shapes';
import type { Measure } from './words';

export const TOOLS = ['select', 'pen', 'eraser', 'line', 'arrow', 'rectangle', 'ellipse', 'note', 'text'] as const;
export type Tool = (typeof TOOLS)[number];

/** The shared document as the desk needs it. */
export interface Session extends Paper {
  readonly awareness: Awareness;
  readonly editable: boolean;
  can(what: 'undo' | 'redo'): boolean;
  step(what: 'undo' | 'redo'): void;
}

/** What a person does that is told to a screen reader, or refused with a reason. */
export type Word =
  | { readonly said: 'added' | 'gone' | 'moved' | 'front' | 'back' | 'locked' | 'unlocked' | 'copied'; readonly ids: readonly string[] }
  | { readonly said: 'full'; readonly why: 'shapes' | 'bytes' }; // prettier-ignore

const NOTHING: ReadonlySet<string> = new Set();

export class Desk {
  camera = $state.raw<Camera>({ x: -400, y: -300, zoom: 1 });
  size = $state.raw({ width: 0, height: 0 });
  tool = $state.raw<Tool>('select');
  color = $state.raw<Color>('ink');
  stroke = $state.raw<number>(2);
  filled = $state.raw(false);
  selection = $state.raw<ReadonlySet<string>>(NOTHING);
  /** The shape whose words are being typed. */
  editing = $state.raw<string | null>(null);
  /** What is being drawn right now. */
  drawing = $state.raw<Shape | null>(null);
  marquee = $state.raw<Box | null>(null);
  /** How far the selection is being moved, before it is let go. */
  shift = $state.raw<Point | null>(null);
  /** To be deleted when the eraser is lifted. */
  wiped = $state.raw<ReadonlySet<string>>(NOTHING);
  others = $state.raw<readonly Other[]>([]);
  /** Counts changes of the board, which is not reactive by itself. */
  turn = $state(0);
  readonly board: Board;
  readonly session: Session;
  readonly measure: Measure;
  readonly #tell: (word: Word) => void;
  readonly #others = new Others();
  readonly #stop: () => void;
  #said: Said = { at: null, draw: null, move: null };
  #timer: ReturnType<typeof setTimeout> | null = null;
  #fit = true;

  constructor(session: Session, board: Board, measure: Measure, tell: (word: Word) => void) {
    this.session = session;
    this.board = board;
    this.measure = measure;
    this.#tell = tell;
    this.#stop = board.listen(({ gone }) => {
      this.turn += 1;
      if ([...gone].some((id) => this.selection.has(id))) this.select([...this.selection]);
      if (this.editing !== null && gone.has(this.editing)) this.editing = null;
      this.#fitOnce();
    });
    session.awareness.on('change', this.#heard);
    this.#heard();
  }

  destroy(): void {
    this.#stop();
    if (this.#timer) clearTimeout(this.#timer);
    this.session.awareness.off('change', this.#heard);
  }

  // --- looking

  resize(width: number, height: number): void {
    if (this.size.width === 0) this.camera = { x: -width / 2, y: -height / 2, zoom: 1 };
    this.size = { width, height };
    this.#fitOnce();
  }

  /** The first look is at everything that is there. */
  #fitOnce(): void {
    if (!this.#fit || this.size.width === 0 || this.board.order.length === 0) return;
    this.#fit = false;
    this.fit();
  }

  pan(dx: number, dy: number): void {
    this.#fit = false;
    const { x, y, zoom } = this.camera;
    this.camera = { x: x - dx / zoom, y: y - dy / zoom, zoom };
  }

  zoom(factor: number, at: Point = { x: this.size.width / 2, y: this.size.height / 2 }): void {
    this.#fit = false;
    this.camera = zoomedAt(this.camera, at, this.camera.zoom * factor);
  }

  /** Everything, or what is selected. */
  fit(): void {
    const shown = this.selection.size > 0 ? this.chosen : this.board.order;
    const box = around(shown.map(boxOf));
    if (box && this.size.width > 0) this.camera = fitted(box, this.size);
  }

  /** Brings a shape into view when it is out of it. */
  show(ids: readonly string[]): void {
    const box = around(ids.flatMap((id) => this.board.get(id) ?? []).map(boxOf));
    const { x, y, zoom } = this.camera;
    const seen = { x, y, width: this.size.width / zoom, height: this.size.height / zoom };
    if (!box || meet(grown(seen, -24 / zoom), box)) return;
    this.camera = {
      x: box.x + box.width / 2 - seen.width / 2,
      y: box.y + box.height / 2 - seen.height / 2,
      zoom,
    };
  }

  get middle(): Point {
    return toBoard(this.camera, { x: this.size.width / 2, y: this.size.height / 2 });
  }

  // --- choosing

  get chosen(): Shape[] {
    return [...this.selection].flatMap((id) => this.board.get(id) ?? []);
  }

  /** What may be moved of it. */
  get loose(): Shape[] {
    return this.chosen.filter((shape) => !shape.locked);
  }

  select(ids: Iterable<string>): void {
    const next = new Set([...ids].filter((id) => this.board.shapes.has(id)));
    this.selection = next.size === 0 ? NOTHING : next;
  }

  toggle(id: string): void {
    const next = new Set(this.selection);
    if (!next.delete(id)) next.add(id);
    this.select(next);
  }

  /** The shape in front at a place. */
  at(place: Point, reach: number): Shape | null {
    return this.board.order.findLast((shape) => hits(shape, place, reach / this.camera.zoom)) ?? null;
  }

  /** The one before or after, from back to front. */
  next(step: 1 | -1): void {
    const { order } = this.board;
    if (order.length === 0) return;
    const last = [...this.selection].at(-1);
    const index = last === undefined ? -1 : order.findIndex((shape) => shape.id === last);
    const to = index < 0 ? (step > 0 ? 0 : order.length - 1) : (index + step + order.length) % order.length;
    this.select([order[to]!.id]);
    this.show([order[to]!.id]);
  }

  // --- changing

  get editable(): boolean {
    return this.session.editable;
  }

  add(drafts: readonly Draft[]): string[] {
    if (!this.editable) return [];
    // Whoever draws looks where they want to.
    this.#fit = false;
    const ids = this.board.add(drafts);
    if (ids.length === 0) this.#tell({ said: 'full', why: this.board.full ?? 'shapes' });
    return ids;
  }

  draftOf(kind: Kind, from: Point, to: Point | null): Draft {
    const own = { kind, color: this.color, stroke: this.stroke, fill: this.filled ? this.color : null };
    const [width, height] = SIZES[kind] ?? [200, 120];
    if (isLine(kind)) {
      const end = to ?? { x: from.x + width, y: from.y };
      const [x, y] = [Math.min(from.x, end.x), Math.min(from.y, end.y)];
      const ends = [from.x - x, from.y - y, 0.5, end.x - x, end.y - y, 0.5];
      return { ...own, fill: null, x, y, points: ends.map(round) };
    }
    const box = to
      ? {
          x: Math.min(from.x, to.x),
          y: Math.min(from.y, to.y),
          width: Math.abs(to.x - from.x),
          height: Math.abs(to.y - from.y),
        }
      : { x: from.x, y: from.y, width, height };
    if (kind === 'note')
      return { ...own, ...box, fill: null, stroke: 2, color: this.color === 'ink' ? '3' : this.color };
    if (kind === 'text')
      return {
        ...own,
        ...box,
        fill: null,
        width: Math.max(80, box.width),
        height: textHeight({ stroke: this.stroke, text: '', width: 240 } as Shape, this.measure),
      };
    return { ...own, ...box };
  }

  /** A new shape in the middle of what is seen, for those who do not draw with a pointer. */
  addMiddle(kind: Kind): void {
    const [width, height] = SIZES[kind] ?? [200, 120];
    let at = { x: this.middle.x - width / 2, y: this.middle.y - height / 2 };
    // Not exactly on top of another one.
    while (this.board.order.some((shape) => Math.abs(shape.x - at.x) < 4 && Math.abs(shape.y - at.y) < 4))
      at = { x: at.x + 24, y: at.y + 24 };
    this.added(this.add([this.draftOf(kind, at, null)]));
  }

  /** After one was added: it is selected, and what holds words waits for them. */
  added(ids: readonly string[]): void {
    const [id] = ids;
    const shape = id === undefined ? undefined : this.board.get(id);
    if (!shape) return;
    this.tool = 'select';
    this.select(ids);
    this.#tell({ said: 'added', ids });
    if (shape.kind === 'note' || shape.kind === 'text') this.edit(shape.id);
  }

  edit(id: string): void {
    const shape = this.board.get(id);
    if (!this.editable || !shape || shape.locked || !holdsText(shape.kind)) return;
    this.board.writing();
    this.editing = id;
  }

  write(id: string, text: string): void {
    const shape = this.board.get(id);
    if (!shape || !this.editable) return;
    this.board.write(id, text, shape.kind === 'text' ? { height: textHeight({ ...shape, text }, this.measure) } : {});
  }

  /** No more typing; a text without words is nothing. */
  written(): void {
    const shape = this.editing === null ? undefined : this.board.get(this.editing);
    this.editing = null;
    if (shape?.kind === 'text' && shape.text.trim() === '') this.board.remove([shape.id]);
  }

  remove(ids: Iterable<string> = this.selection): void {
    if (!this.editable) return;
    const gone = this.board.remove(ids);
    if (gone.length > 0) this.#tell({ said: 'gone', ids: gone });
  }

  moveBy(dx: number, dy: number, shapes: readonly Shape[] = this.loose): void {
    if (!this.editable || shapes.length === 0) return;
    this.board.change(new Map(shapes.map(({ id, x, y }) => [id, { x: round(x + dx), y: round(y + dy) }])));
    this.#tell({ said: 'moved', ids: shapes.map(({ id }) => id) });
  }

  stretch(from: Box, to: Box): void {
    if (!this.editable) return;
    this.board.change(new Map(this.loose.map((shape) => [shape.id, this.#settled(shape, resized(shape, from, to))])));
  }

  /** Larger or smaller by so much, with the upper left corner in its place. */
  growBy(dx: number, dy: number): void {
    const box = around(this.loose.map(boxOf));
    if (!box) return;
    const to = { ...box, width: Math.max(8, box.width + dx), height: Math.max(box.height ? 8 : 0, box.height + dy) };
    this.stretch(box, to);
  }

  #settled(shape: Shape, values: Partial<Shape>): Partial<Shape> {
    if (shape.kind !== 'text') return values;
    return { ...values, height: textHeight({ ...shape, ...values }, this.measure) };
  }

  /** Colour, thickness, fill of the selection, and of what comes next. */
  paint(values: { color?: Color; stroke?: number; filled?: boolean }): void {
    if (values.color) this.color = values.color;
    if (values.stroke) this.stroke = values.stroke;
    if (values.filled !== undefined) this.filled = values.filled;
    if (!this.editable) return;
    const changes = new Map<string, Partial<Shape>>();
    for (const shape of this.loose) {
      const next: { color?: Color; stroke?: number; fill?: Color | null; height?: number } = {};
      const fills = shape.kind === 'rectangle' || shape.kind === 'ellipse';
      if (values.color) next.color = values.color;
      if (values.stroke && shape.kind !== 'note') next.stroke = values.stroke;
      if (fills && values.filled !== undefined) next.fill = values.filled ? (values.color ?? shape.color) : null;
      else if (fills && values.color && shape.fill) next.fill = values.color;
      if (Object.keys(next).length > 0) changes.set(shape.id, this.#settled(shape, next));
    }
    this.board.change(changes);
  }

  duplicate(): void {
    if (!this.editable) return;
    const many = this.selection.size;
    if (many === 0) return;
    const ids = this.board.duplicate(this.selection);
    if (ids.length === 0) return this.#tell({ said: 'full', why: this.board.full ?? 'shapes' });
    this.select(ids);
    this.show(ids);
    this.#tell({ said: 'copied', ids });
  }

  arrange(where: 'front' | 'back', ids: Iterable<string> = this.selection): void {
    if (!this.editable) return;
    this.board.arrange(ids, where);
    this.#tell({ said: where, ids: [...ids] });
  }

  lock(locked: boolean, ids: readonly string[] = [...this.selection]): void {
    if (!this.editable) return;
    this.board.change(new Map(ids.map((id) => [id, { locked }])));
    this.#tell({ said: locked ? 'locked' : 'unlocked', ids });
  }

  // --- being here together

  /** Tells others where the pointer is, and what is under it, but not more often than is good for everybody. */
  point(at: Point | null): void {
    this.#say({ at });
  }

  sketch(draw: Omit<Draw, 'from'> | null): void {
    this.#say({ draw: draw && portion(draw) });
    // An end is told at once, so that the stroke is not seen twice.
    if (!draw) this.#speak();
  }

  carry(shift: Point | null): void {
    this.shift = shift;
    const ids = this.loose.map(({ id }) => id);
    this.#say({ move: shift && ids.length <= MOST_MOVING ? { ids, dx: shift.x, dy: shift.y } : null });
    if (!shift) this.#speak();
  }

  #say(part: Partial<Said>): void {
    this.#said = { ...this.#said, ...part };
    this.#timer ??= setTimeout(() => this.#speak(), pause(this.others.length));
  }

  #speak(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.session.awareness.setLocalStateField('board', told(this.#said));
  }

  #heard = (): void => {
    const { awareness, doc } = this.session;
    this.others = this.#others.read(awareness.getStates(), doc.clientID);
  };
}
