/**
 * Suggestion mode: what is typed becomes marks in the text, which somebody accepts or rejects. Pure, on the states and
 * transactions of ProseMirror. Only words are suggested; what would change paragraphs, lists or formats is refused, so
 * that nothing is changed that nobody can see as a suggestion.
 */
import type { Mark, Node, Schema } from '@tiptap/pm/model';
import { TextSelection, type EditorState, type Transaction } from '@tiptap/pm/state';
import { ReplaceStep } from '@tiptap/pm/transform';

export interface By {
  /** Who, as the server knows them. */
  author: string;
  name: string;
  /** When, as ISO. */
  at: string;
  /** A new one, for what touches no suggestion of the same person. */
  id: () => string;
}

interface Told {
  id: string;
  author: string;
  name: string;
  at: string;
}

/** One suggestion with all its places. */
export interface Suggestion extends Told {
  from: number;
  to: number;
  inserted: string;
  deleted: string;
}

const told = (mark: Mark): Told => ({
  id: String(mark.attrs.id ?? ''),
  author: String(mark.attrs.author ?? ''),
  name: String(mark.attrs.name ?? ''),
  at: String(mark.attrs.at ?? ''),
});

const markOf = (marks: readonly Mark[], name: string): Mark | undefined =>
  marks.find((mark) => mark.type.name === name);

/** A suggestion of the same person that touches the place goes on. */
function going(doc: Node, from: number, to: number, author: string): Told | null {
  const $from = doc.resolve(from);
  const $to = doc.resolve(to);
  const beside = [$from.nodeBefore, $to.nodeAfter, $from.nodeAfter];
  for (const node of beside)
    for (const name of ['insertion', 'deletion']) {
      const mark = node ? markOf(node.marks, name) : undefined;
      if (mark?.attrs.author === author) return told(mark);
    }
  return null;
}

/** The text of what is put in, if it is nothing else; null where structure would change. */
function wordsOf(step: ReplaceStep, before: Node): string | null {
  const { slice } = step;
  const text = slice.content.textBetween(0, slice.content.size, '\n', (leaf) =>
    leaf.type.name === 'mention' ? `@${leaf.attrs.label ?? ''}` : leaf.type.name === 'hardBreak' ? '\n' : '',
  );
  const structure = slice.openStart > 0 || slice.openEnd > 0 || slice.content.content.some((node) => node.isBlock);
  const gone = before.textBetween(step.from, step.to);
  if (text.trim() === '' && structure) return null;
  if (text === '' && gone === '') return null;
  return text.replace(/\s*\n\s*/g, ' ');
}

/** How many letters at the ends are the same. */
function shorter(old: string, put: string): { head: number; tail: number } {
  const most = Math.min(old.length, put.length);
  let head = 0;
  while (head < most && old[head] === put[head]) head += 1;
  let tail = 0;
  while (tail < most - head && old[old.length - 1 - tail] === put[put.length - 1 - tail]) tail += 1;
  return { head, tail };
}

/** The same change as a suggestion, or null when it cannot be one. */
export function suggested(change: Transaction, state: EditorState, by: By): Transaction | null {
  const made = state.tr;
  for (const [number, step] of change.steps.entries()) {
    if (!(step instanceof ReplaceStep)) return null;
    const before = change.docs[number]!;
    const words = wordsOf(step, before);
    if (words === null) return null;
    const back = change.mapping.maps.slice(0, number).reverse();
    const first = (pos: number, side: number) => back.reduce((place, map) => map.invert().map(place, side), pos);
    let from = made.mapping.map(first(step.from, -1), -1);
    let to = made.mapping.map(first(step.to, 1), 1);
    let put = words;
    if (put !== '' && before.resolve(step.from).sameParent(before.resolve(step.to))) {
      const old = made.doc.textBetween(from, to, '\n', '\ufffc');
      // Places and letters are the same only where there is nothing but text.
      if (old.length === to - from) {
        const same = shorter(old, put);
        from += same.head;
        to -= same.tail;
        put = put.slice(same.head, put.length - same.tail);
      }
    }
    replace(made, from, to, put, state, by);
  }
  return made.scrollIntoView();
}

function replace(made: Transaction, from: number, to: number, put: string, state: EditorState, by: By): void {
  const { schema } = state;
  const mine = going(made.doc, from, to, by.author) ?? { id: by.id(), author: by.author, name: by.name, at: by.at };
  const behind = gone(made, from, to, schema, by.author, mine);
  if (put !== '') {
    const $at = made.doc.resolve(behind);
    const around = ($at.nodeBefore?.marks ?? $at.marks()).filter(
      (mark) => mark.type.name !== 'insertion' && mark.type.name !== 'deletion' && mark.type.spec.inclusive !== false,
    );
    const marks = schema.marks.insertion!.create(mine).addToSet(state.storedMarks ?? around);
    made.insert(behind, schema.text(put, marks));
    made.setSelection(TextSelection.create(made.doc, behind + put.length));
    made.setStoredMarks(null);
  } else {
    // Backwards the caret goes before what is struck out, so that the next key takes the next letter.
    const forwards = state.selection.empty && state.selection.from === from;
    made.setSelection(TextSelection.near(made.doc.resolve(forwards ? behind : from), forwards ? 1 : -1));
  }
}

/** Strikes out what others wrote and takes away what one has suggested oneself; gives the place behind it. */
function gone(made: Transaction, from: number, to: number, schema: Schema, author: string, mine: Told): number {
  const own: [number, number][] = [];
  const rest: [number, number][] = [];
  made.doc.nodesBetween(from, to, (node, pos) => {
    if (!node.isText) return;
    const part: [number, number] = [Math.max(pos, from), Math.min(pos + node.nodeSize, to)];
    if (markOf(node.marks, 'insertion')?.attrs.author === author) own.push(part);
    else if (!markOf(node.marks, 'deletion')) rest.push(part);
  });
  const mark = schema.marks.deletion!.create(mine);
  for (const [start, end] of rest) made.addMark(start, end, mark);
  for (const [start, end] of own.reverse()) made.delete(start, end);
  const removed = own.reduce((sum, [start, end]) => sum + end - start, 0);
  return to - removed;
}

/** All suggestions of a text in the order of their first places. */
export function suggestionsIn(doc: Node): Suggestion[] {
  const found = new Map<string, Suggestion>();
  doc.descendants((node, pos) => {
    if (!node.isText) return;
    for (const name of ['insertion', 'deletion'] as const) {
      const mark = markOf(node.marks, name);
      if (!mark) continue;
      const who = told(mark);
      const one = found.get(who.id) ?? { ...who, from: pos, to: pos, inserted: '', deleted: '' };
      one.to = pos + node.nodeSize;
      if (name === 'insertion') one.inserted += node.text ?? '';
      else one.deleted += node.text ?? '';
      found.set(who.id, one);
    }
  });
  return [...found.values()];
}

/** Accepts or rejects one suggestion, or all when none is named. */
export function settle(state: EditorState, id: string | null, accept: boolean): Transaction {
  const change = state.tr.setMeta('settle', true);
  const [stays, goes] = accept ? ['insertion', 'deletion'] : ['deletion', 'insertion'];
  const places: { from: number; to: number; stays: Mark | undefined; goes: boolean }[] = [];
  state.doc.descendants((node, pos) => {
    if (!node.isText) return;
    const is = (name: string) => {
      const mark = markOf(node.marks, name);
      return mark && (id === null || told(mark).id === id) ? mark : undefined;
    };
    const [keep, drop] = [is(stays!), is(goes!)];
    if (keep || drop) places.push({ from: pos, to: pos + node.nodeSize, stays: keep, goes: drop !== undefined });
  });
  for (const place of places.reverse()) {
    if (!place.goes) {
      if (place.stays) change.removeMark(place.from, place.to, place.stays);
      continue;
    }
    const $from = change.doc.resolve(place.from);
    const whole = $from.parent.content.size === place.to - place.from && $from.depth > 0;
    const outer = whole ? $from.node($from.depth - 1) : null;
    // A paragraph of which nothing is left goes as well, unless it is the only one there.
    if (outer && outer.childCount > 1 && $from.parent.type.name === 'paragraph')
      change.delete($from.before(), $from.after());
    else change.delete(place.from, place.to);
  }
  return change;
}
