/**
 * Whose a remark or a suggestion is. The name under it is what a browser wrote; the server knows who brought which piece
 * of the document, by Yjs client and clock, and that counts.
 */
import * as Y from 'yjs';
import type { Me } from './comments';
import type { Attribution, Person } from './remote';

/** Clocks of one client, from one to before the other. */
export interface Piece {
  client: number;
  from: number;
  to: number;
}

/** What is said under a remark or a suggestion. */
export interface Signature {
  /**
   * `known`: the server says the same. `differs`: somebody else had a hand in it. `pending`: not asked yet. `open`: the
   * server does not know, or could not be asked.
   */
  kind: 'known' | 'differs' | 'pending' | 'open';
  /** Who it is from. */
  names: readonly string[];
  /** As whom it is signed. */
  signed: string;
}

const pieceOf = (item: Y.Item): Piece => ({
  client: item.id.client,
  from: item.id.clock,
  to: item.id.clock + item.length,
});

/** Anybody may take part in these, whoever wrote the remark. */
const FREE = new Set(['order', 'resolvedBy', 'resolvedAt']);

/** What a remark consists of. */
export function piecesOfRemark(map: Y.Map<unknown>, id: string): Piece[] {
  const entry = map._map.get(id);
  const remark = map.get(id);
  if (!entry || !(remark instanceof Y.Map)) return [];
  const found = [pieceOf(entry)];
  for (const [key, item] of remark._map) if (!item.deleted && !FREE.has(key)) found.push(pieceOf(item));
  const body = remark.get('body');
  if (body instanceof Y.Text)
    for (let item = body._start; item; item = item.right) if (!item.deleted) found.push(pieceOf(item));
  return found;
}

/**
 * What each suggestion consists of: where its marks begin and end, and the letters that are put in. Letters that are to go
 * are not the suggestion's.
 */
export function piecesOfSuggestions(fragment: Y.XmlFragment): Map<string, Piece[]> {
  const found = new Map<string, Piece[]>();
  for (const child of fragment.toArray() as (Y.XmlElement | Y.XmlText)[]) {
    if (child instanceof Y.XmlElement)
      for (const [id, pieces] of piecesOfSuggestions(child)) found.set(id, [...(found.get(id) ?? []), ...pieces]);
    else inText(child, found);
  }
  return found;
}

function inText(text: Y.XmlText, found: Map<string, Piece[]>): void {
  const begun = new Map<string, { id: string; mark: Piece; used: boolean }>();
  const add = (id: string, piece: Piece): void => {
    found.set(id, [...(found.get(id) ?? []), piece]);
  };
  for (let item = text._start; item; item = item.right) {
    if (item.deleted) continue;
    if (item.content instanceof Y.ContentFormat) {
      const { key, value } = item.content as unknown as { key: string; value: { id?: unknown } | null };
      if (key !== 'insertion' && key !== 'deletion') continue;
      const before = begun.get(key);
      if (before?.used) add(before.id, pieceOf(item));
      begun.delete(key);
      if (value) begun.set(key, { id: String(value.id ?? ''), mark: pieceOf(item), used: false });
    } else if (item.countable)
      for (const [key, mark] of begun) {
        if (!mark.used) add(mark.id, mark.mark);
        mark.used = true;
        if (key === 'insertion') add(mark.id, pieceOf(item));
      }
  }
}

/** Between two questions, at least; and until something that nobody knew is asked for again. */
const GAP = 2_000;
const AGAIN = 60_000;

interface Asking {
  /** Which client this page is, and who sits at it: what is written here needs no question. */
  client: number;
  me: Me;
  ask: () => Promise<Attribution>;
  onchange: () => void;
  now?: () => number;
}

/** What the server has said of authors; asked for when something comes up that it has not spoken of. */
export class Authors {
  readonly #with: Asking;
  readonly #people = new Map<string, Person>();
  readonly #ranges = new Map<number, { from: number; to: number; user: string }[]>();
  /** How far each client had written when it was last asked for. */
  readonly #asked = new Map<number, number>();
  readonly #wanted = new Map<number, number>();
  #last = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(asking: Asking) {
    this.#with = asking;
    this.#people.set(asking.me.id, { id: asking.me.id, displayName: asking.me.name });
  }

  /** Takes over an answer, whoever asked for it. */
  tell({ users, ranges }: Attribution): void {
    for (const user of users) this.#people.set(user.id, user);
    this.#ranges.clear();
    for (const { client, from, to, user } of ranges) {
      const list = this.#ranges.get(client) ?? [];
      list.push({ from, to, user });
      this.#ranges.set(client, list);
    }
    for (const list of this.#ranges.values()) list.sort((a, b) => a.from - b.from);
  }

  /** Who wrote these pieces: `unknown` are those that nobody is known for. */
  #of(pieces: readonly Piece[]): { people: Set<string>; unknown: Piece[] } {
    const people = new Set<string>();
    const unknown: Piece[] = [];
    for (const { client, from, to } of pieces) {
      if (client === this.#with.client) {
        people.add(this.#with.me.id);
        continue;
      }
      let at = from;
      for (const range of this.#ranges.get(client) ?? []) {
        if (range.to <= at || range.from >= to) continue;
        if (range.from > at) break;
        people.add(range.user);
        at = Math.min(range.to, to);
      }
      if (at < to) unknown.push({ client, from: at, to });
    }
    return { people, unknown };
  }

  /** What to say of something that consists of these pieces. Asks where it has to. */
  judge(pieces: readonly Piece[], signed: { author: string; name: string }, nobody: string): Signature {
    const { people, unknown } = this.#of(pieces);
    const name = signed.name || nobody;
    const named = (id: string) => this.#people.get(id)?.displayName || nobody;
    const asked = unknown.every(({ client, to }) => (this.#asked.get(client) ?? -1) >= to);
    if (unknown.length > 0) this.#want(unknown, asked);
    if ([...people].some((id) => id !== signed.author))
      return { kind: 'differs', names: [...people].map(named), signed: name };
    if (unknown.length > 0 || people.size === 0)
      return { kind: asked ? 'open' : 'pending', names: [name], signed: name };
    return { kind: 'known', names: [named(signed.author)], signed: name };
  }

  #want(unknown: readonly Piece[], asked: boolean): void {
    const now = (this.#with.now ?? Date.now)();
    if (asked && now - this.#last < AGAIN) return;
    for (const { client, to } of unknown) this.#wanted.set(client, Math.max(this.#wanted.get(client) ?? 0, to));
    if (this.#over || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, this.#last + GAP - now));
  }

  async #ask(): Promise<void> {
    this.#last = (this.#with.now ?? Date.now)();
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    try {
      this.tell(await this.#with.ask());
    } catch {
      // It is asked for again later; until then nothing is claimed.
    }
    for (const [client, to] of wanted) this.#asked.set(client, Math.max(this.#asked.get(client) ?? 0, to));
    this.#timer = undefined;
    if (!this.#over) this.#with.onchange();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}
