/** What was written on this device and is not yet on the server: kept in the browser, per person and document. */

/** Whose it is; without an owner nothing is kept, as on a participant's phone. */
export interface Owner {
  organization: string;
  user: string;
}

const BASE = 'atelier.drafts';
const TABLE = 'updates';
/** Behind all keys of a person. */
const LAST = '\uffff';

export function keyOf(owner: Owner, document: string): string {
  return `${owner.user}/${owner.organization}/${document}`;
}

const flags = (key: string) => `${BASE}/${key}`;

/** Says before the next load that the store holds words which the server has not. */
export function flag(key: string, client: number): void {
  try {
    localStorage.setItem(`${flags(key)}/${client}`, '1');
  } catch {
    // Without it the words are sent all the same; the page only does not say beforehand that there are some.
  }
}

/** The flags of a document, of all tabs that it was open in. */
export function flagged(key: string): string[] {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(`${flags(key)}/`));
  } catch {
    return [];
  }
}

export function unflag(names: readonly string[]): void {
  try {
    for (const name of names) localStorage.removeItem(name);
  } catch {
    // Then there are none.
  }
}

/** Is there something of this person that the server has not? */
export function unsent(user: string): boolean {
  try {
    return Object.keys(localStorage).some((name) => name.startsWith(`${BASE}/${user}/`));
  } catch {
    return false;
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((good, bad) => {
    request.onsuccess = () => good(request.result);
    request.onerror = () => bad(request.error ?? new Error('indexeddb'));
  });
}

function base(): Promise<IDBDatabase> {
  const request = indexedDB.open(BASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(TABLE, { autoIncrement: true }).createIndex('key', 'key');
  };
  return done(request);
}

interface Row {
  key: string;
  update: Uint8Array;
  /** When it was kept. */
  at: number;
}

/** Beside the rows: words of one page that the server does not have yet. Written in one transaction with them. */
interface Open {
  key: string;
  open: true;
  at: number;
  /** The page where they are shown, and sent when it is opened. */
  path: string;
}

const openKey = (key: string, client: number) => `open/${key}/${client}`;

/** What was written here, is not on the server, and waits until its page is opened. */
export interface Waiting {
  document: string;
  path: string;
  at: number;
}

/** What the server has is kept so long after it was last opened. */
const MOST_AGE = 30 * 24 * 3_600_000;

/**
 * Deletes what has not been opened for long and is all on the server, whoever wrote it. Gives back what of this person's
 * is not.
 */
export async function tidy(owner: Owner, now = Date.now()): Promise<Waiting[]> {
  try {
    const db = await base();
    try {
      return await tidied(db.transaction(TABLE, 'readwrite').objectStore(TABLE), owner, now);
    } finally {
      db.close();
    }
  } catch {
    // No store, nothing in it.
    return [];
  }
}

async function tidied(store: IDBObjectStore, owner: Owner, now: number): Promise<Waiting[]> {
  const [index, mine] = [store.index('key'), keyOf(owner, '')];
  const waiting = new Map<string, Waiting>();
  const newest = new Map<string, number>();
  for (let at = await done(index.openCursor()); at; at = await next(at)) {
    const row = at.value as Row | Open;
    // What an older page kept without a date stays until a newer one has opened it.
    newest.set(row.key, Math.max(newest.get(row.key) ?? 0, row.at ?? Infinity));
    if (!('open' in row)) continue;
    newest.set(row.key, Infinity);
    const document = row.key.slice(mine.length);
    if (row.key.startsWith(mine)) waiting.set(document, { document, path: row.path, at: row.at });
  }
  for (const [key, at] of newest) {
    if (at > now - MOST_AGE || flagged(key).length > 0) continue;
    for (const old of await done(index.getAllKeys(key))) await done(store.delete(old));
  }
  return [...waiting.values()].sort((a, b) => a.at - b.at);
}

/** Gives up what waits here of one document. */
export async function giveUp(owner: Owner, document: string): Promise<void> {
  const key = keyOf(owner, document);
  unflag(flagged(key));
  await remove(IDBKeyRange.only(key));
}

function next(cursor: IDBCursorWithValue): Promise<IDBCursorWithValue | null> {
  const request = cursor.request as IDBRequest<IDBCursorWithValue | null>;
  cursor.continue();
  return done(request);
}

/** Everything that this person wrote in this browser; at sign-out, so that the next one finds nothing. */
export async function forget(user: string): Promise<void> {
  try {
    unflag(Object.keys(localStorage).filter((name) => name.startsWith(`${BASE}/${user}/`)));
    await remove(IDBKeyRange.bound(`${user}/`, `${user}/${LAST}`));
  } catch {
    // No store, nothing to forget.
  }
}

async function remove(range: IDBKeyRange): Promise<void> {
  const db = await base();
  try {
    const store = db.transaction(TABLE, 'readwrite').objectStore(TABLE);
    for (const key of await done(store.index('key').getAllKeys(range))) await done(store.delete(key));
  } finally {
    db.close();
  }
}

/** The updates of one document, and whether they have reached the disk. */
export class Draft {
  readonly key: string;
  readonly #db: IDBDatabase;
  readonly #onchange: () => void;
  #writing = 0;
  #failed = false;
  #closed = false;
  /** What other pages had not sent when this one was opened, and since when. */
  readonly #inherited = new Map<IDBValidKey, number>();
  readonly #read: IDBValidKey[] = [];

  private constructor(key: string, db: IDBDatabase, onchange: () => void) {
    this.key = key;
    this.#db = db;
    this.#onchange = onchange;
    // Another version of this page wants to change the store: it must not wait for us.
    db.onversionchange = () => this.close();
  }

  static async open(key: string, onchange: () => void): Promise<Draft> {
    return new Draft(key, await base(), onchange);
  }

  /** Everything that was given is on the disk. */
  get kept(): boolean {
    return !this.#closed && !this.#failed && this.#writing === 0;
  }

  async read(): Promise<Uint8Array[]> {
    const index = this.#db.transaction(TABLE).objectStore(TABLE).index('key');
    const rows = (await done(index.getAll(this.key))) as (Row | Open)[];
    const keys = await done(index.getAllKeys(this.key));
    rows.forEach((row, i) => {
      if ('open' in row) this.#inherited.set(keys[i]!, row.at);
      else this.#read.push(keys[i]!);
    });
    return rows.flatMap((row) => ('open' in row ? [] : [row.update]));
  }

  /** `writer`: the client whose words they are, of which the server is not known to have any. */
  add(update: Uint8Array, writer: number | null): void {
    const at = Date.now();
    this.#write((store) => {
      store.add({ key: this.key, update, at } satisfies Row);
      if (writer === null) return;
      store.put({ key: this.key, open: true, at, path: location.pathname } satisfies Open, openKey(this.key, writer));
    });
  }

  /** The server has all that this page wrote, and all that it found here. */
  sent(writer: number): void {
    const inherited = [...this.#inherited];
    this.#inherited.clear();
    this.#write((store) => {
      store.delete(openKey(this.key, writer));
      for (const [key, at] of inherited) {
        const there = store.get(key) as IDBRequest<Open | undefined>;
        // Another page may have gone on writing, and says so itself.
        there.onsuccess = () => there.result?.at === at && store.delete(key);
      }
    });
  }

  /** There are words here that a page before this one had not sent. */
  get waiting(): boolean {
    return this.#inherited.size > 0;
  }

  /** One update instead of all that were read, in one transaction. What another page has kept since then stays. */
  replace(update: Uint8Array): void {
    this.#write((store) => {
      for (const key of this.#read.splice(0)) store.delete(key);
      store.add({ key: this.key, update, at: Date.now() } satisfies Row);
    });
  }

  #write(how: (store: IDBObjectStore) => void): void {
    if (this.#closed) return;
    this.#writing += 1;
    const end = (failed: boolean): void => {
      this.#writing -= 1;
      this.#failed ||= failed;
      this.#onchange();
    };
    try {
      const change = this.#db.transaction(TABLE, 'readwrite');
      change.oncomplete = () => end(false);
      change.onabort = () => end(true);
      how(change.objectStore(TABLE));
    } catch {
      end(true);
    }
  }

  close(): void {
    this.#closed = true;
    this.#db.close();
  }

  /** Forgets this document. */
  async drop(): Promise<void> {
    this.close();
    unflag(flagged(this.key));
    await remove(IDBKeyRange.only(this.key));
  }
}
