/** The items of a field, such as an agenda, as a page shows and changes them. */
import { newId } from '@atelier/sdk';
import { createSubscriber } from 'svelte/reactivity';
import * as Y from 'yjs';
import type { DocumentSession } from '../../editor/session';
import { last, move, ORDER, placed, type Placed } from './order';

export class Items {
  readonly #session: DocumentSession;
  readonly #list: Y.Map<unknown>;
  readonly #track: () => void;

  constructor(session: DocumentSession, field: string) {
    this.#session = session;
    this.#list = session.doc.getMap(field);
    this.#track = createSubscriber((update) => {
      const seen = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
        // What is typed into the long texts is no business of the list.
        if (events.some(({ target }) => target instanceof Y.Map || target instanceof Y.Text)) update();
      };
      this.#list.observeDeep(seen);
      return () => this.#list.unobserveDeep(seen);
    });
  }

  get all(): Placed[] {
    this.#track();
    return placed(this.#list);
  }

  /** The text of an item's field without its formats. */
  text(item: Placed, field: string): string {
    this.#track();
    const text = item.map.get(field);
    return text instanceof Y.Text || typeof text === 'string' ? text.toString() : '';
  }

  value<T>(item: Placed, field: string, is: (value: unknown) => value is T): T | null {
    this.#track();
    const value = item.map.get(field);
    return is(value) ? value : null;
  }

  set(item: Placed, field: string, value: string | number | boolean | null): void {
    this.#session.entered();
    this.#session.change(() => {
      if (value === null) item.map.delete(field);
      else item.map.set(field, value);
    });
  }

  /** Makes one behind all others, with what an editor needs to find in it, and gives back its id. */
  add(texts: readonly string[], riches: readonly string[] = []): string {
    const id = newId();
    this.#session.entered();
    this.#session.change(() => {
      const map = new Y.Map<unknown>();
      map.set(ORDER, last(placed(this.#list)));
      for (const name of texts) map.set(name, new Y.Text());
      for (const name of riches) map.set(name, new Y.XmlFragment());
      this.#list.set(id, map);
    });
    return id;
  }

  /** Takes the place of the one that is at `to` now. */
  move(id: string, to: number): void {
    this.#session.entered();
    this.#session.change(() => move(placed(this.#list), id, to));
  }

  remove(id: string): void {
    this.#session.entered();
    this.#session.change(() => this.#list.delete(id));
  }
}

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
export const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';

/** What a long text says, in one line. */
export function line(fragment: unknown, most = 160): string {
  if (!(fragment instanceof Y.XmlFragment)) return '';
  const words: string[] = [];
  const walk = (node: unknown): void => {
    if (node instanceof Y.XmlText) {
      for (const part of node.toDelta() as { insert?: unknown }[])
        if (typeof part.insert === 'string') words.push(part.insert);
    } else if (node instanceof Y.XmlFragment) {
      for (const child of node.toArray()) walk(child);
      words.push(' ');
    }
  };
  walk(fragment);
  const text = words.join('').replace(/\s+/g, ' ').trim();
  return text.length > most ? `${text.slice(0, most).trimEnd()} …` : text;
}
