/**
 * The way around a network that breaks WebSockets: server-sent events, or one answer after the other where something
 * on the way holds streams back, and commands by POST. Loaded only when it is needed.
 */
import type { ClientMessage, ServerMessage } from './protocol';
import type { RoomOptions, Socket, SocketClass } from './room';

/** Where a visit remembers that it needs this. */
export const REMEMBERED = 'atelier.detour';
type Way = 'events' | 'answers';

/** No byte of a stream for so long after it was asked for: something holds it back. */
const HELD_BACK = 4_000;
/** The server speaks every 25 seconds. */
const SILENT = 35_000;
/** What was acknowledged is shown within a quarter of a second. */
const NOT_SHOWN = 4_000;
/** A stream that ends sooner, unasked, was cut off; so many of them, and streams are given up. */
const SHORT = 10_000;
const CUT_OFF = 2;
/** How long the server may hold an answer back, in seconds. */
const WAIT = 20;
/** Answers are not asked for more often. */
const PACE = 500;
const TIMEOUT = 15_000;
/** When to look whether WebSockets get through now: first, and at the latest. */
const LOOK_FIRST = 30_000;
const LOOK_LAST = 600_000;
const PROBE = 5_000;

const LOST = 1006;
const UNAUTHENTICATED = 4001;

/** Decides which way to go, and looks for the straight one from time to time. */
export class Detour {
  way: Way;
  /** Nothing answered, so it is not WebSockets that are the trouble; or they get through again. */
  #straight = false;
  #cut = 0;
  #pause = LOOK_FIRST;
  #look: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly options: RoomOptions,
    /** Called when the straight way is free again. */
    private readonly free: () => void,
  ) {
    this.way = storage()?.getItem(REMEMBERED) === 'answers' ? 'answers' : 'events';
  }

  /** A connection that looks like a socket; null: try a real one. */
  open(): Socket | null {
    this.stop();
    if (!this.#straight) return new Carrier(this);
    this.#straight = false;
    storage()?.removeItem(REMEMBERED);
    return null;
  }

  stop(): void {
    clearTimeout(this.#look);
  }

  /** It works this way. */
  worked(way: Way): void {
    this.way = way;
    storage()?.setItem(REMEMBERED, way);
    this.#lookLater();
  }

  /** A stream ended by itself after so many milliseconds. */
  ended(lasted: number): void {
    this.#cut = lasted < SHORT ? this.#cut + 1 : 0;
    if (this.#cut >= CUT_OFF) this.way = 'answers';
  }

  /** Nobody answered at all. */
  unreachable(): void {
    this.#straight = true;
  }

  #lookLater(): void {
    this.stop();
    this.#look = setTimeout(() => void this.#probe(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LOOK_LAST);
  }

  /** Does a socket get through, and back? A token that cannot be one is refused with a code of ours. */
  async #probe(): Promise<void> {
    const Class = this.options.WebSocket ?? (globalThis.WebSocket as unknown as SocketClass | undefined);
    if (!Class) return;
    const code = await new Promise<number>((resolve) => {
      const socket = new Class(address(this.options.url).href.replace('http', 'ws'), 'atelier.v1');
      const timer = setTimeout(() => (resolve(LOST), socket.close()), PROBE);
      socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', token: '' } satisfies ClientMessage));
      socket.onerror = () => {};
      socket.onclose = (event: { code: number }) => (clearTimeout(timer), resolve(event.code));
    });
    if (code !== UNAUTHENTICATED) return this.#lookLater();
    this.#straight = true;
    this.free();
  }
}

/** One connection: listens by GET, speaks by POST, and looks like a socket. */
class Carrier implements Socket {
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #fetch: typeof fetch;
  readonly #all = new AbortController();
  /** Ends the present stream without ending the connection. */
  #stream = new AbortController();
  #way: Way;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #silence: ReturnType<typeof setTimeout> | undefined;
  #after: number | null = null;

  constructor(private readonly detour: Detour) {
    this.#way = detour.way;
    this.#fetch = detour.options.fetch ?? ((...request) => fetch(...request));
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.({} as never);
    });
  }

  send(data: string): void {
    const message = JSON.parse(data) as ClientMessage;
    if (message.type === 'hello') {
      this.#after = message.after ?? null;
      void this.#listen(message.token);
    } else if (message.type === 'do') void this.#give(message);
  }

  close(): void {
    this.readyState = 3;
    this.#all.abort();
    this.#stream.abort();
    clearTimeout(this.#silence);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #end(code: number): void {
    if (this.readyState === 3) return;
    this.close();
    this.onclose?.({ code } as never);
  }

  // --- listening

  async #listen(token: string): Promise<void> {
    if (this.#way === 'answers') return this.#ask(token);
    const began = Date.now();
    const outcome = await this.#read(token);
    if (this.readyState === 3) return;
    if (outcome === 'ended') this.detour.ended(Date.now() - began);
    if (outcome !== 'held back') return this.#end(LOST);
    this.#way = 'answers';
    // A ticket is used up by its first request, whatever became of that.
    return this.#ask(null);
  }

  /** Reads the stream until it ends, or is found to be held back. */
  async #read(token: string): Promise<'ended' | 'held back' | 'lost'> {
    const held = () => this.#stream.abort();
    this.#watch(HELD_BACK, held);
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const response = await this.#get('', token, this.#stream.signal);
      if (!response) return 'lost';
      if (!response.body) return 'held back';
      reader = response.body.getReader();
      const decoder = new TextDecoder();
      const events = new Events((name, data) => this.#take(name, data));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return 'ended';
        this.#watch(SILENT, held);
        events.push(decoder.decode(value, { stream: true }));
      }
    } catch {
      return this.#stream.signal.aborted ? 'held back' : reader ? 'ended' : 'lost';
    } finally {
      clearTimeout(this.#silence);
    }
  }

  #watch(ms: number, held: () => void): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(held, ms);
  }

  /** Asks again and again. */
  async #ask(first: string | null): Promise<void> {
    let known = '';
    let token = first;
    while (this.readyState !== 3) {
      const began = Date.now();
      let last = '';
      const limit = this.#limit((WAIT + 10) * 1_000);
      try {
        token ??= await this.#token();
        const response = await this.#get(`&wait=${WAIT}${known && `&known=${known}`}`, token, limit.signal);
        const text = await response?.text();
        new Events((name, data) => {
          last = name || last;
          if (name === 'end') ({ known } = JSON.parse(data) as { known: string });
          else this.#take(name, data);
        }).push(text ?? '');
      } catch {
        // Without an end there is no other answer.
      } finally {
        limit.lift();
      }
      if (last !== 'end') return this.#end(LOST);
      if (typeof this.detour.options.token !== 'string') token = null;
      const early = PACE - (Date.now() - began);
      if (early > 0) await new Promise<void>((resolve) => this.#later(early, resolve));
    }
  }

  /** Undefined: the connection has ended, or nothing of ours has answered. */
  async #get(more: string, token: string, signal: AbortSignal): Promise<Response | undefined> {
    const { client } = this.detour.options;
    const after = this.#after === null ? '' : `&after=${this.#after}`;
    const name = client ? `&client=${encodeURIComponent(client)}` : '';
    const response = await this.#request(`events?${`${after}${name}${more}`.slice(1)}`, token, { signal });
    if (response?.ok && response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
    return undefined;
  }

  /** An event that has come. */
  #take(name: string, data: string): void {
    if (this.readyState === 3) return;
    if (name === 'close') return this.#end((JSON.parse(data) as { code: number }).code);
    const frame = JSON.parse(data) as ServerMessage;
    if (frame.type === 'snapshot' || frame.type === 'events') this.#after = Math.max(this.#after ?? 0, frame.seq);
    if (frame.type === 'welcome') this.detour.worked(this.#way);
    this.onmessage?.({ data } as never);
  }

  // --- speaking

  async #give({ ref, after, command }: Extract<ClientMessage, { type: 'do' }>): Promise<void> {
    const limit = this.#limit(TIMEOUT);
    // Nobody knows whether it was done: again.
    let answer: ServerMessage = { type: 'retry', ref, code: 'unavailable', afterMs: 1_000 };
    try {
      const body = JSON.stringify({ ref, after, command });
      const response = await this.#request('commands', await this.#token(), {
        method: 'POST',
        body,
        signal: limit.signal,
      });
      if (response?.ok) answer = (await response.json()) as ServerMessage;
    } catch {
      // The answer above stands.
    } finally {
      limit.lift();
    }
    if (this.readyState === 3) return;
    this.onmessage?.({ data: JSON.stringify(answer) } as never);
    // What was acknowledged has to show up in the stream, or the stream is held back.
    if (answer.type !== 'ack' || this.#way !== 'events') return;
    const { seq } = answer;
    this.#later(NOT_SHOWN, () => {
      if ((this.#after ?? 0) < seq) this.#stream.abort();
    });
  }

  // --- both

  async #token(): Promise<string> {
    const { token } = this.detour.options;
    return typeof token === 'string' ? token : token();
  }

  /** Undefined: sent away with a close code. */
  async #request(path: string, token: string, more: RequestInit): Promise<Response | undefined> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (more.body) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      const url = address(this.detour.options.url, path);
      response = await this.#fetch(url.href, { cache: 'no-store', credentials: 'same-origin', headers, ...more });
    } catch (error) {
      if (!more.signal?.aborted) this.detour.unreachable();
      throw error;
    }
    const code = Number(response.headers.get('atelier-close'));
    if (code === 0) return response;
    this.#end(code);
    return undefined;
  }

  #later(ms: number, then: () => void): void {
    const timer = setTimeout(() => (this.#timers.delete(timer), then()), ms);
    this.#timers.add(timer);
  }

  /** Aborts with the connection, or after so long. */
  #limit(ms: number): { signal: AbortSignal; lift: () => void } {
    const limit = new AbortController();
    const stop = () => limit.abort();
    const timer = setTimeout(stop, ms);
    this.#all.signal.addEventListener('abort', stop);
    const lift = () => (clearTimeout(timer), this.#all.signal.removeEventListener('abort', stop));
    return { signal: limit.signal, lift };
  }
}

/** Cuts events out of text, as the HTML standard has it; what has no data is nothing. */
class Events {
  #rest = '';

  constructor(private readonly found: (name: string, data: string) => void) {}

  push(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string) => block.match(new RegExp(`^${name}: ?(.*)$`, 'm'))?.[1];
      const data = field('data');
      if (data) this.found(field('event') ?? '', data);
    }
  }
}

/** The socket's address, or one beside it, over HTTP. */
function address(socket: string, beside?: string): URL {
  const url = new URL(socket, globalThis.location?.href);
  url.protocol = url.protocol.replace('ws', 'http');
  if (beside) {
    const [path, query] = beside.split('?') as [string, string?];
    url.pathname = url.pathname.replace(/[^/]*$/, `-/${path}`);
    url.search = query ?? '';
  }
  return url;
}

/** Where it is allowed: a page of its own origin, storage not forbidden. */
function storage(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}
