/** Commands that are not recorded yet: kept in order, sent again until they are, and across a reload of the page. */
import type { Code, Command } from './protocol';
import { Refused, type OutboxItem, type Receipt } from './state';

/** The part of `Storage` that is needed. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

interface Entry {
  item: OutboxItem;
  /** Went out on the present connection. */
  sent: boolean;
  /** The server asked to wait until then. */
  notBefore: number;
  settle?: { resolve: (receipt: Receipt) => void; reject: (reason: unknown) => void };
}

/** So many commands may be unanswered on the wire. */
const WINDOW = 16;
/** So many may wait in all. */
const LIMIT = 200;
/** So many settled ones stay in the list. */
const KEPT = 20;

export class Outbox {
  #entries: Entry[] = [];
  #settledRefs = new Set<number>();
  #last = 0;

  constructor(
    private readonly store: Store | undefined,
    private readonly key: string,
    private readonly now: () => number,
  ) {
    for (const { ref, command } of this.#stored()) {
      this.#entries.push({ item: { ref, command, status: 'sending' }, sent: false, notBefore: 0 });
      this.#last = Math.max(this.#last, ref);
    }
  }

  get items(): readonly OutboxItem[] {
    return this.#entries.map((e) => e.item);
  }

  add(command: Command): Promise<Receipt> {
    if (this.#entries.filter(waiting).length >= LIMIT) {
      return Promise.reject(new Refused('rate_limited', 'Too many actions are waiting to be sent.'));
    }
    // Time makes a number unique across tabs and reloads; the server sees each only as a label.
    const taken = Math.max(this.#last, ...this.#stored().map((i) => i.ref));
    const ref = Math.max(taken + 1, this.now() * 1000 + Math.floor(Math.random() * 1000));
    this.#last = ref;
    const receipt = new Promise<Receipt>((resolve, reject) => {
      const item: OutboxItem = { ref, command, status: 'sending' };
      this.#entries.push({ item, sent: false, notBefore: 0, settle: { resolve, reject } });
      this.#save();
    });
    // The outcome is in the outbox as well: a caller who reads it there need not catch.
    receipt.catch(() => {});
    return receipt;
  }

  /** What may go out now, in order. Two commands about the same thing never travel at once, so none overtakes. */
  due(): OutboxItem[] {
    const busy = new Set<string>();
    const out: OutboxItem[] = [];
    let flying = this.#entries.filter((e) => waiting(e) && e.sent).length;
    for (const entry of this.#entries.filter(waiting)) {
      const subject = about(entry.item.command);
      const free = !entry.sent && !busy.has(subject) && entry.notBefore <= this.now();
      busy.add(subject);
      if (!free || flying >= WINDOW) continue;
      entry.sent = true;
      flying += 1;
      out.push(entry.item);
    }
    return out;
  }

  /** Milliseconds until something that had to wait is due; null: nothing waits. */
  nextDue(): number | null {
    const times = this.#entries
      .filter((e) => waiting(e) && !e.sent && e.notBefore > this.now())
      .map((e) => e.notBefore);
    return times.length > 0 ? Math.min(...times) - this.now() : null;
  }

  /** The connection is gone: everything unanswered goes out again on the next one. */
  reset(): void {
    for (const entry of this.#entries) entry.sent = false;
  }

  recorded(ref: number, seq: number, at: string): boolean {
    return this.#settle(ref, { status: 'recorded', at }, (s) => s.resolve({ ref, seq, at }));
  }

  refused(ref: number, code: Code, message: string): boolean {
    return this.#settle(ref, { status: 'refused', code, message }, (s) => s.reject(new Refused(code, message)));
  }

  retry(ref: number, afterMs: number): void {
    const entry = this.#entries.find((e) => e.item.ref === ref && waiting(e));
    if (!entry) return;
    entry.sent = false;
    entry.notBefore = this.now() + afterMs;
  }

  /** Tells the callers that their commands will not be sent; `forget` also throws them away. */
  abandon(code: Code, message: string, forget: boolean): void {
    for (const entry of this.#entries.filter(waiting)) {
      if (forget) this.refused(entry.item.ref, code, message);
      else entry.settle?.reject(new Refused(code, message));
      delete entry.settle;
    }
  }

  /** Takes settled items off the list; true when there were any. */
  prune(keep = 0): boolean {
    const settled = this.#entries.filter((e) => !waiting(e));
    const gone = new Set(settled.slice(0, Math.max(0, settled.length - keep)));
    this.#entries = this.#entries.filter((e) => !gone.has(e));
    return gone.size > 0;
  }

  #settle(ref: number, outcome: Partial<OutboxItem>, tell: (settle: NonNullable<Entry['settle']>) => void): boolean {
    const entry = this.#entries.find((e) => e.item.ref === ref && waiting(e));
    if (!entry) return false;
    entry.item = { ...entry.item, ...outcome };
    this.#settledRefs.add(ref);
    this.prune(KEPT);
    this.#save();
    if (entry.settle) tell(entry.settle);
    return true;
  }

  #stored(): { ref: number; command: Command }[] {
    try {
      const list: unknown = JSON.parse(this.store?.getItem(this.key) ?? '[]');
      return Array.isArray(list) ? list.filter((i) => typeof i?.ref === 'number' && i.command) : [];
    } catch {
      return [];
    }
  }

  /** Merges with what is stored: another tab of the same participant may have put its own there. */
  #save(): void {
    if (!this.store) return;
    const mine = this.#entries.filter(waiting).map(({ item: { ref, command } }) => ({ ref, command }));
    const refs = new Set(mine.map((i) => i.ref));
    const others = this.#stored().filter((i) => !refs.has(i.ref) && !this.#settledRefs.has(i.ref));
    const all = [...others, ...mine].sort((a, b) => a.ref - b.ref);
    try {
      if (all.length > 0) this.store.setItem(this.key, JSON.stringify(all));
      else this.store.removeItem(this.key);
    } catch {
      // A full or forbidden storage costs only the survival of a reload.
    }
  }
}

const waiting = (entry: Entry) => entry.item.status === 'sending';

/** Commands with the same subject keep their order. */
function about(command: Command): string {
  if ('vote' in command) return `vote ${command.vote.poll}`;
  if ('upvote' in command) return `upvote ${command.upvote.question}`;
  return '';
}
