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
    return ((await done(index.getAll(this.key))) as Row[]).map((row) => row.update);
  }

  add(update: Uint8Array): void {
    this.#write((store) => store.add({ key: this.key, update } satisfies Row));
  }

  /** One update instead of all that are there, in one transaction. */
  replace(update: Uint8Array): void {
    this.#write((store) => {
      const keys = store.index('key').getAllKeys(this.key);
      keys.onsuccess = () => {
        for (const key of keys.result) store.delete(key);
        store.add({ key: this.key, update } satisfies Row);
      };
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
