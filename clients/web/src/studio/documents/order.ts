/** Things in an order of their own: maps by id, each with a key that leaves room between any two. */
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';
import type * as Y from 'yjs';

/** The name of an item's key; the server knows the same. */
export const ORDER = 'order';

export interface Placed {
  id: string;
  order: string;
  map: Y.Map<unknown>;
}

const before = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The items in the order that everybody sees: by key, and by id where two have the same. */
export function placed(list: Y.Map<unknown>): Placed[] {
  const items: Placed[] = [];
  for (const [id, map] of list.entries()) {
    if (typeof (map as Y.Map<unknown> | null)?.get !== 'function') continue;
    const order = (map as Y.Map<unknown>).get(ORDER);
    items.push({ id, order: typeof order === 'string' ? order : '', map: map as Y.Map<unknown> });
  }
  return items.sort((a, b) => before(a.order, b.order) || before(a.id, b.id));
}

function key(after: string | null, until: string | null): string | null {
  if (after !== null && until !== null && after >= until) return null;
  try {
    return generateKeyBetween(after, until);
  } catch {
    // Somebody has put something there that is no key.
    return null;
  }
}

/**
 * The keys that have to change so that the item at `at` of `wanted` stands there: its own, and more only where there is
 * no room, as when two people have put something into the same place at the same time.
 */
export function keysFor(wanted: readonly { id: string; order: string }[], at: number): Map<string, string> {
  const after = wanted[at - 1]?.order ?? null;
  const own = key(after, wanted[at + 1]?.order ?? null);
  if (own !== null) return new Map([[wanted[at]!.id, own]]);
  // As few of those behind it as are in the way.
  for (let end = at + 2; end <= wanted.length; end += 1) {
    const until = wanted[end]?.order ?? null;
    if (key(after, until) === null) continue;
    const keys = generateNKeysBetween(after, until, end - at);
    return new Map(keys.map((one, i) => [wanted[at + i]!.id, one]));
  }
  // What is before it is no key either: all of them anew.
  return new Map(generateNKeysBetween(null, null, wanted.length).map((one, i) => [wanted[i]!.id, one]));
}

/** A key behind all others. */
export function last(items: readonly Placed[]): string {
  const end = items.at(-1)?.order ?? null;
  return key(end, null) ?? 'z';
}

/** Puts an item where the one at `to` is now. */
export function move(items: readonly Placed[], id: string, to: number): void {
  const item = items.find((one) => one.id === id);
  if (!item || items[to]?.id === id) return;
  const wanted = items.filter((one) => one !== item);
  wanted.splice(to, 0, item);
  const keys = keysFor(wanted, wanted.indexOf(item));
  for (const one of items) {
    const next = keys.get(one.id);
    if (next !== undefined && next !== one.order) one.map.set(ORDER, next);
  }
}
