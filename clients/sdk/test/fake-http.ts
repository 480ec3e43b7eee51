/** The server's live protocol over plain HTTP, in memory: a test answers each request by hand. */
import type { ServerMessage } from '../src/protocol';
import { sessionState, you } from './fake';

export const block = (frame: ServerMessage): string => {
  const id = frame.type === 'snapshot' || frame.type === 'events' ? `id: ${frame.seq}\n` : '';
  return `${id}data: ${JSON.stringify(frame)}\n\n`;
};

export const welcome = (seq = 1): ServerMessage => ({
  type: 'welcome',
  seq,
  you: you(),
  serverTime: new Date().toISOString(),
  heartbeat: 25,
  resumed: false,
});

export const snapshot = (seq = 1): ServerMessage => ({ type: 'snapshot', seq, state: sessionState() });

/** One request, and the way to answer it. */
export class Asked {
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #answer!: (response: Response) => void;
  #fail!: (error: Error) => void;
  readonly url: URL;
  readonly token: string;
  readonly method: string;
  readonly body: { ref: number; after?: number; command: unknown };
  readonly answer: Promise<Response>;
  aborted = false;

  constructor(url: string, init: RequestInit) {
    this.url = new URL(url);
    const headers = init.headers as Record<string, string>;
    this.token = headers.authorization!.replace('Bearer ', '');
    this.method = init.method ?? 'GET';
    this.body = JSON.parse((init.body as string | undefined) ?? '{}');
    this.answer = new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
    init.signal?.addEventListener('abort', () => {
      this.aborted = true;
      const error = new DOMException('aborted', 'AbortError');
      this.#fail(error);
      try {
        this.#controller?.error(error);
      } catch {
        // It has ended already.
      }
    });
  }

  get query(): Record<string, string> {
    return Object.fromEntries(this.url.searchParams);
  }

  /** The head of a stream. */
  opens(type = 'text/event-stream', status = 200, headers: Record<string, string> = {}): this {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#controller = controller) });
    this.#answer(new Response(body, { status, headers: { 'content-type': type, ...headers } }));
    return this;
  }

  sends(text: string): this {
    this.#controller.enqueue(new TextEncoder().encode(text));
    return this;
  }

  frames(...frames: ServerMessage[]): this {
    return this.sends(frames.map(block).join(''));
  }

  /** The other side is through. */
  ends(last = ''): void {
    if (last) this.sends(last);
    this.#controller.close();
  }

  /** All of an answer, with the word for the next question. */
  tells(known: string, ...frames: ServerMessage[]): void {
    this.opens()
      .frames(...frames)
      .ends(`event: end\ndata: {"known":"${known}"}\n\n`);
  }

  says(frame: ServerMessage): void {
    this.#answer(Response.json(frame));
  }

  refuses(status: number, close?: number): void {
    this.#answer(new Response('{}', { status, headers: close ? { 'atelier-close': String(close) } : {} }));
  }

  fails(): void {
    this.#fail(new TypeError('fetch failed'));
  }
}

export class FakeHttp {
  all: Asked[] = [];

  fetch = ((url: string, init: RequestInit) => {
    const asked = new Asked(url, init);
    this.all.push(asked);
    return asked.answer;
  }) as unknown as typeof fetch;

  get last(): Asked {
    return this.all.at(-1)!;
  }

  get posts(): Asked[] {
    return this.all.filter((asked) => asked.method === 'POST');
  }
}
