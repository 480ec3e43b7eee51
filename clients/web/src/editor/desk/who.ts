/** Who wrote what: the server knows the authors by Yjs client and clock, the text is looked through for those. */
import type { Node } from '@tiptap/pm/model';
import * as Y from 'yjs';
import type { Attribution, Person } from './remote';

export interface Passage {
  from: number;
  to: number;
  /** The place in the list of authors; -1 for what is so new that the server has not said. */
  author: number;
}

/** Runs of letters in the text with the ids that Yjs gave them. */
export function* runs(fragment: Y.XmlFragment, node: Node, start: number): Generator<[number, number, number, number]> {
  let pos = start;
  for (const child of fragment.toArray() as (Y.XmlElement | Y.XmlText)[]) {
    if (child instanceof Y.XmlElement) {
      const inside = node.nodeAt(pos - start);
      if (!inside) return;
      if (!inside.isLeaf) yield* runs(child, inside, pos + 1);
      pos += inside.nodeSize;
    } else {
      for (let item = child._start; item; item = item.right) {
        if (item.deleted || !item.countable) continue;
        yield [pos, item.length, item.id.client, item.id.clock];
        pos += item.length;
      }
    }
  }
}

/** The text in passages by one author each. */
export function passages(fragment: Y.XmlFragment, doc: Node, told: Attribution): Passage[] {
  const numbers = new Map(told.users.map((user, number) => [user.id, number]));
  const clients = new Map<number, { from: number; to: number; author: number }[]>();
  for (const { client, from, to, user } of told.ranges) {
    const list = clients.get(client) ?? [];
    list.push({ from, to, author: numbers.get(user) ?? -1 });
    clients.set(client, list);
  }
  for (const list of clients.values()) list.sort((a, b) => a.from - b.from);
  const found: Passage[] = [];
  const add = (from: number, to: number, author: number): void => {
    const last = found.at(-1);
    if (last && last.author === author && last.to === from) last.to = to;
    else if (to > from) found.push({ from, to, author });
  };
  for (const [pos, length, client, clock] of runs(fragment, doc, 0)) {
    let at = clock;
    for (const range of clients.get(client) ?? []) {
      if (range.to <= at || range.from >= clock + length) continue;
      if (range.from > at) add(pos + at - clock, pos + range.from - clock, -1);
      const [from, to] = [Math.max(range.from, at), Math.min(range.to, clock + length)];
      add(pos + from - clock, pos + to - clock, range.author);
      at = to;
    }
    if (at < clock + length) add(pos + at - clock, pos + length, -1);
  }
  return found;
}

/** Up to two letters for a name, to tell passages apart without their colours. */
export function initials(person: Person): string {
  const words = (person.displayName ?? '?').trim().split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => (word ? [...word][0]!.toUpperCase() : ''))
    .join('');
}
