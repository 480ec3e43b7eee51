/** The shapes of a document: read as values, changed with one's own undo. Knows Yjs, and nothing of screens. */
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';
import * as Y from 'yjs';
import { before, entriesOf, holdsText, MOST_SHAPES, MOST_TEXT, shapeOf, type Draft, type Shape } from './shapes';
import { change } from './words';

/** What the board needs of a shared document. */
export interface Paper {
  readonly doc: Y.Doc;
  /** Changes as part of the current step of undo, if one may. */
  change(how: () => void): void;
  /** The next change begins a step of its own. */
  entered(): void;
}

/** What became different. */
export interface News {
  readonly changed: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
  /** The order from back to front is another one. */
  readonly ordered: boolean;
}

type Entry = Y.Map<unknown>;
/** So many shapes in one update: larger ones are refused by the server. */
const AT_ONCE = 200;
/** The server takes documents of up to 16 MiB; a little before that nothing is added any more. */
const MOST_BYTES = 15 << 20;

const isKey = (key: string): boolean => {
  try {
    generateKeyBetween(key, null);
    return key !== '';
  } catch {
    return false;
  }
};

export class Board {
  readonly shapes = new Map<string, Shape>();
  /** From back to front. */
  order: Shape[] = [];
  readonly #paper: Paper;
  readonly #entries: Y.Map<unknown>;
  readonly #listeners = new Set<(news: News) => void>();
  readonly #newId: () => string;
  #bytes = 0;
  #measured = 0;

  constructor(paper: Paper, newId: () => string) {
    this.#paper = paper;
    this.#newId = newId;
    this.#entries = paper.doc.getMap('shapes');
    for (const id of this.#entries.keys()) this.#read(id);
    this.#sort();
    this.#entries.observeDeep(this.#observed);
    paper.doc.on('update', this.#grown);
    this.#bytes = Y.encodeStateAsUpdate(paper.doc).length;
  }

  destroy(): void {
    this.#entries.unobserveDeep(this.#observed);
    this.#paper.doc.off('update', this.#grown);
  }

  listen(listener: (news: News) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(id: string): Shape | undefined {
    return this.shapes.get(id);
  }

  /** Why nothing more can be added. */
  get full(): 'shapes' | 'bytes' | null {
    if (this.#entries.size >= MOST_SHAPES) return 'shapes';
    // What was deleted is still in the sum, so it is measured before anybody is refused, but not all the time.
    if (this.#bytes > MOST_BYTES && this.#bytes > this.#measured + (64 << 10))
      this.#measured = this.#bytes = Y.encodeStateAsUpdate(this.#paper.doc).length;
    return this.#bytes > MOST_BYTES ? 'bytes' : null;
  }

  /** Puts new shapes in front of all others; none where they would be too many. */
  add(drafts: readonly Draft[]): string[] {
    if (this.full || this.#entries.size + drafts.length > MOST_SHAPES) return [];
    this.#paper.entered();
    const orders = this.#inFront(drafts.length);
    const ids = drafts.map(() => this.#newId());
    this.#inParts(drafts, (draft, i) => {
      const entry: Entry = new Y.Map(entriesOf(draft));
      entry.set('order', orders[i]);
      if (draft.text || holdsText(draft.kind)) entry.set('text', new Y.Text(draft.text ?? ''));
      this.#entries.set(ids[i]!, entry);
    });
    return ids;
  }

  /** Changes numbers and words of shapes, as one step of undo. */
  change(changes: ReadonlyMap<string, Partial<Shape>>): void {
    if (changes.size === 0) return;
    this.#paper.entered();
    this.#inParts([...changes], ([id, values]) => {
      const entry = this.#entry(id);
      if (!entry) return;
      for (const [name, value] of Object.entries(values)) {
        if (entry.get(name) === value) continue;
        if (value === null || value === false) entry.delete(name);
        else entry.set(name, value);
      }
    });
  }

  /** Locked ones stay. */
  remove(ids: Iterable<string>): string[] {
    const gone = [...ids].filter((id) => this.shapes.has(id) && !this.shapes.get(id)!.locked);
    if (gone.length === 0) return [];
    this.#paper.entered();
    this.#inParts(gone, (id) => this.#entries.delete(id));
    return gone;
  }

  /** The same once more, a little further down. */
  duplicate(ids: Iterable<string>, by = 24): string[] {
    const chosen = new Set(ids);
    const drafts = this.order
      .filter((shape) => chosen.has(shape.id))
      .map((shape) => ({ ...shape, x: shape.x + by, y: shape.y + by, locked: false }));
    return drafts.length === 0 ? [] : this.add(drafts);
  }

  /** In front of all others, or behind them; among each other as before. */
  arrange(ids: Iterable<string>, where: 'front' | 'back'): void {
    const chosen = new Set(ids);
    const moved = this.order.filter((shape) => chosen.has(shape.id) && !shape.locked);
    const rest = this.order.filter((shape) => !chosen.has(shape.id));
    if (moved.length === 0 || rest.length === 0) return;
    const keys = where === 'front' ? this.#inFront(moved.length) : this.#behind(moved.length);
    this.change(new Map(moved.map((shape, i) => [shape.id, { order: keys[i]! }])));
  }

  /** The words of a shape become these: as a small change between the letters that others type. */
  write(id: string, text: string, more: Partial<Shape> = {}): void {
    const entry = this.#entry(id);
    if (!entry) return;
    const limited = text.slice(0, MOST_TEXT);
    this.#paper.change(() => {
      let words = entry.get('text');
      if (!(words instanceof Y.Text)) entry.set('text', (words = new Y.Text()));
      const { at, remove, insert } = change((words as Y.Text).toString(), limited);
      if (remove) (words as Y.Text).delete(at, remove);
      if (insert) (words as Y.Text).insert(at, insert);
      for (const [name, value] of Object.entries(more)) if (entry.get(name) !== value) entry.set(name, value);
    });
  }

  /** What is typed from now on is one step. */
  writing(): void {
    this.#paper.entered();
  }

  #entry(id: string): Entry | null {
    const entry = this.#entries.get(id);
    return entry instanceof Y.Map ? entry : null;
  }

  #inParts<T>(all: readonly T[], how: (one: T, index: number) => void): void {
    for (let from = 0; from < all.length; from += AT_ONCE)
      this.#paper.change(() => all.slice(from, from + AT_ONCE).forEach((one, i) => how(one, from + i)));
  }

  #inFront(count: number): string[] {
    const last = this.order.findLast((shape) => isKey(shape.order));
    return generateNKeysBetween(last?.order ?? null, null, count);
  }

  #behind(count: number): string[] {
    const first = this.order.find((shape) => isKey(shape.order));
    return generateNKeysBetween(null, first?.order ?? null, count);
  }

  /** Whether the order may have changed by it. */
  #read(id: string): boolean {
    const entry = this.#entry(id);
    const was = this.shapes.get(id);
    const shape = entry && shapeOf(id, (name) => entry.get(name));
    if (shape) this.shapes.set(id, shape);
    else this.shapes.delete(id);
    return shape?.order !== was?.order;
  }

  #sort(): void {
    this.order = [...this.shapes.values()].sort(before);
  }

  #observed = (events: Y.YEvent<Y.AbstractType<unknown>>[]): void => {
    const touched = new Set<string>();
    for (const event of events) {
      if (event.path.length > 0) touched.add(String(event.path[0]));
      else for (const id of event.changes.keys.keys()) touched.add(id);
    }
    const [changed, gone] = [new Set<string>(), new Set<string>()];
    let ordered = false;
    for (const id of touched) {
      ordered = this.#read(id) || ordered;
      (this.shapes.has(id) ? changed : gone).add(id);
    }
    if (ordered) this.#sort();
    else if (changed.size > 0) this.order = this.order.map((shape) => this.shapes.get(shape.id) ?? shape);
    for (const listener of this.#listeners) listener({ changed, gone, ordered });
  };

  #grown = (update: Uint8Array): void => {
    this.#bytes += update.length;
  };
}
