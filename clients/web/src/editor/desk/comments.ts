/** Remarks on places in the text: in the document's map `comments` (src/collab/schema/mod.rs), anchored to the text. */
import {
  absolutePositionToRelativePosition,
  relativePositionToAbsolutePosition,
  ySyncPluginKey,
} from '@tiptap/y-tiptap';
import { newId } from '@atelier/sdk';
import * as Y from 'yjs';
import type { RichField } from '../rich';
import type { DocumentSession } from '../session';
import { piecesOfRemark, type Piece } from './authors';

export interface Remark {
  id: string;
  parent: string | null;
  field: string;
  anchor: unknown;
  quote: string;
  body: string;
  author: string;
  authorName: string;
  createdAt: string;
  resolvedBy: string | null;
  resolvedAt: string | null;
}

export interface Thread extends Remark {
  answers: Remark[];
}

export interface Me {
  id: string;
  name: string;
}

/** The most that the server's rules let through. */
const MOST_QUOTE = 1_000;
export const MOST_BODY = 5_000;
/** All remarks have the same place; equal ones are ordered by id, which begins with the time. */
const ORDER = 'a0';

const word = (value: unknown): string => (typeof value === 'string' ? value : '');
const maybe = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** What a map of remarks says, whoever wrote it. */
export function threadsOf(map: ReadonlyMap<string, unknown> | Y.Map<unknown>): Thread[] {
  const all: Remark[] = [];
  map.forEach((value: unknown, id: string) => {
    if (!(value instanceof Y.Map)) return;
    const get = (key: string): unknown => (value as Y.Map<unknown>).get(key);
    const body = get('body');
    all.push({
      id,
      parent: maybe(get('parent')),
      field: word(get('field')),
      anchor: get('anchor') ?? null,
      quote: word(get('quote')),
      body: body instanceof Y.Text ? body.toString() : word(body),
      author: word(get('author')),
      authorName: word(get('authorName')),
      createdAt: word(get('createdAt')),
      resolvedBy: maybe(get('resolvedBy')),
      resolvedAt: maybe(get('resolvedAt')),
    });
  });
  all.sort((a, b) => (a.id < b.id ? -1 : 1));
  const threads = all.filter((remark) => remark.parent === null).map((remark): Thread => ({ ...remark, answers: [] }));
  for (const remark of all) threads.find((thread) => thread.id === remark.parent)?.answers.push(remark);
  return threads;
}

export class Comments {
  readonly #session: DocumentSession;
  readonly #map: Y.Map<unknown>;
  readonly #me: Me;
  #threads: Thread[] | null = null;

  constructor(session: DocumentSession, me: Me, onchange: () => void) {
    this.#session = session;
    this.#map = session.doc.getMap('comments');
    this.#me = me;
    this.#map.observeDeep(() => {
      this.#threads = null;
      onchange();
    });
  }

  get threads(): readonly Thread[] {
    this.#session.track();
    return (this.#threads ??= threadsOf(this.#map));
  }

  /** What it consists of, to find out whose it is. */
  pieces(remark: Remark): Piece[] {
    return piecesOfRemark(this.#map, remark.id);
  }

  mine(remark: Remark): boolean {
    return remark.author === this.#me.id;
  }

  /** Not a step of undo: a remark is taken back by deleting it. */
  #change(how: () => void): void {
    if (this.#session.editable) this.#session.doc.transact(how, this);
  }

  #write(remark: { parent: string | null; field: string; anchor: unknown; quote: string; body: string }): string {
    const id = newId();
    const body = new Y.Text(remark.body.trim().slice(0, MOST_BODY));
    const entries: [string, unknown][] = [
      ['order', ORDER],
      ['parent', remark.parent],
      ['field', remark.field],
      ['anchor', remark.anchor],
      ['quote', remark.quote],
      ['body', body],
      ['author', this.#me.id],
      ['authorName', this.#me.name],
      ['createdAt', new Date().toISOString()],
      ['resolvedBy', null],
      ['resolvedAt', null],
    ];
    this.#change(() => this.#map.set(id, new Y.Map(entries)));
    return id;
  }

  add(anchored: Anchored, body: string): string {
    return this.#write({ parent: null, ...anchored, body });
  }

  answer(thread: Thread, body: string): string {
    return this.#write({ parent: thread.id, field: thread.field, anchor: null, quote: '', body });
  }

  resolve(thread: Thread, resolved: boolean): void {
    const remark = this.#map.get(thread.id);
    if (!(remark instanceof Y.Map)) return;
    this.#change(() => {
      remark.set('resolvedBy', resolved ? this.#me.id : null);
      remark.set('resolvedAt', resolved ? new Date().toISOString() : null);
    });
  }

  /** One's own only. Answers go with what they answer. */
  delete(remark: Remark): void {
    if (!this.mine(remark)) return;
    const answers = this.threads.find((thread) => thread.id === remark.id)?.answers ?? [];
    this.#change(() => {
      for (const { id } of [...answers, remark]) this.#map.delete(id);
    });
  }
}

export interface Anchored {
  field: string;
  anchor: { from: unknown; to: unknown };
  quote: string;
}

interface Binding {
  doc: Y.Doc;
  type: Y.XmlFragment;
  binding: { mapping: Parameters<typeof absolutePositionToRelativePosition>[2] } | null;
}

const bindingOf = (field: RichField): Binding | undefined => ySyncPluginKey.getState(field.editor.state);

/** The selected text as something to remark on; null when nothing is selected. */
export function anchored(field: RichField): Anchored | null {
  const sync = bindingOf(field);
  const { from, to, empty } = field.editor.state.selection;
  const quote = field.editor.state.doc.textBetween(from, to, ' ', ' ').trim();
  if (empty || !sync?.binding || quote === '') return null;
  const start = absolutePositionToRelativePosition(from, sync.type, sync.binding.mapping) as Y.RelativePosition;
  const behind = absolutePositionToRelativePosition(to, sync.type, sync.binding.mapping) as Y.RelativePosition;
  // The end holds on to the last letter: what is typed behind it is not part of it.
  const end = Y.createAbsolutePositionFromRelativePosition(behind, sync.doc);
  const last = end && end.index > 0 ? Y.createRelativePositionFromTypeIndex(end.type, end.index, -1) : behind;
  return {
    field: field.path,
    anchor: { from: Y.relativePositionToJSON(start), to: Y.relativePositionToJSON(last) },
    quote: [...quote].slice(0, MOST_QUOTE).join(''),
  };
}

/** Where a remark's text is now; null when it is there no more. */
export function placeOf(field: RichField, anchor: unknown): { from: number; to: number } | null {
  const sync = bindingOf(field);
  const ends = anchor as { from?: unknown; to?: unknown } | null;
  if (!sync?.binding || !ends?.from || !ends.to) return null;
  try {
    const at = (json: unknown): number | null =>
      relativePositionToAbsolutePosition(
        sync.doc,
        sync.type,
        Y.createRelativePositionFromJSON(json),
        sync.binding!.mapping,
      );
    const [from, to] = [at(ends.from), at(ends.to)];
    const size = field.editor.state.doc.content.size;
    return from !== null && to !== null && from < to && to <= size ? { from, to } : null;
  } catch {
    // Anybody may have written anything as an anchor.
    return null;
  }
}
