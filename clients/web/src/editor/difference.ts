/** What typing changed in a short text, and where a place is after changes: pure. */

export interface Difference {
  at: number;
  remove: number;
  insert: string;
}

const isHigh = (code: number) => code >= 0xd800 && code < 0xdc00;
const isLow = (code: number) => code >= 0xdc00 && code < 0xe000;

/** The smallest change that makes `after` of `before`; `caret`: where it stands in `after`, which says which of two equal letters is new. */
export function difference(before: string, after: string, caret = after.length): Difference | null {
  if (before === after) return null;
  // What is behind the caret was there before.
  const most = Math.min(before.length, after.length);
  let tail = 0;
  const behind = Math.min(most, after.length - Math.min(Math.max(caret, 0), after.length));
  while (tail < behind && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  let head = 0;
  while (head < most - tail && before[head] === after[head]) head += 1;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  // A character of two halves is changed as a whole.
  if (head > 0 && isHigh(before.charCodeAt(head - 1))) head -= 1;
  if (tail > 0 && isLow(before.charCodeAt(before.length - tail))) tail -= 1;
  return { at: head, remove: before.length - tail - head, insert: after.slice(head, after.length - tail) };
}

/** One step of a Yjs text event. */
export interface Step {
  retain?: number;
  insert?: unknown;
  delete?: number;
}

/** Where a place is after a change. What is inserted right at it comes behind it, unless `after`. */
export function through(at: number, steps: readonly Step[], after = false): number {
  let from = 0;
  let place = at;
  for (const step of steps) {
    if (step.retain) from += step.retain;
    else if (typeof step.insert === 'string') {
      if (from < place || (after && from === place)) place += step.insert.length;
      from += step.insert.length;
    } else if (step.delete) place = Math.max(Math.min(from, place), place - step.delete);
    if (from > place) break;
  }
  return place;
}
