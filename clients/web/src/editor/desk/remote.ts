/** What the desk asks the server for. */

export interface Person {
  id: string;
  displayName: string | null;
}

/** Which Yjs client wrote from which clock on, and who that was. */
export interface Attribution {
  users: readonly Person[];
  ranges: readonly { client: number; from: number; to: number; user: string }[];
}

export interface Kept {
  id: string;
  url: string;
  width: number;
  height: number;
}

/** The server said no, or nothing. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export class Remote {
  readonly #document: string;
  readonly #fetch: typeof fetch;

  constructor(document: string, how: typeof fetch = (...given) => fetch(...given)) {
    this.#document = encodeURIComponent(document);
    this.#fetch = how;
  }

  async members(search: string): Promise<readonly Person[]> {
    const found = await this.#ask<{ items: Person[] }>(`/members?search=${encodeURIComponent(search)}&limit=8`);
    return found.items.slice(0, 8);
  }

  attribution(): Promise<Attribution> {
    return this.#ask<Attribution>(`/documents/${this.#document}/attribution`);
  }

  keep(image: Blob): Promise<Kept> {
    return this.#ask<Kept>(`/documents/${this.#document}/files`, {
      method: 'POST',
      headers: { 'content-type': image.type },
      body: image,
    });
  }

  async #ask<T>(path: string, more: RequestInit = {}): Promise<T> {
    const options = { credentials: 'same-origin', signal: AbortSignal.timeout(60_000), ...more } as const;
    const answer = await this.#fetch(`/api/v1${path}`, options).catch(() => {
      throw new Refused('unreachable');
    });
    const body = (await answer.json().catch(() => ({}))) as T & { code?: string };
    if (!answer.ok) throw new Refused(body.code ?? 'internal');
    return body;
  }
}
