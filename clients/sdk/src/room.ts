/**
 * A live session over a WebSocket, or around it where the network breaks WebSockets: connects, resumes, reconnects,
 * keeps an outbox, and publishes snapshots.
 */
import { Outbox, type Store } from './outbox';
import type { Detour } from './detour';
import type { ClientMessage, Code, Command, ServerMessage } from './protocol';
import { hasGap, reduce } from './reduce';
import { EMPTY, Refused, type Receipt, type RoomState } from './state';

/** The part of `WebSocket` that is needed. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type SocketClass = new (url: string, protocols?: string | string[]) => Socket;

export interface RoomOptions {
  /** Address of the live socket; `http` and relative addresses become `ws`. */
  url: string;
  /** The token for `hello`; a function is asked anew before every connection (single-use tickets). */
  token: string | (() => Promise<string>);
  /** For places without a global WebSocket. */
  WebSocket?: SocketClass;
  /** For the way around it. */
  fetch?: typeof fetch;
  /** Keeps unsent actions across a reload. */
  storage?: Store;
  storageKey?: string;
  /** Name and version, for the server's logs. */
  client?: string;
}

const PROTOCOL = 'atelier.v1';
const CONNECT_TIMEOUT = 5_000;
const DEFAULT_HEARTBEAT = 25;
const BACKOFF_BASE = 500;
const BACKOFF_MAX = 15_000;
/** "At once" is within this time: those whom a server sends elsewhere do not arrive there in one moment. */
const AT_ONCE = 250;
/** How long a settled command stays in the outbox. */
const SETTLED_FOR = 10_000;
const OPEN = 1;
const LOST = 1006;
/** So many sockets in a row that came to nothing, and there is no point in more. */
const ENOUGH = 2;
/** Came to nothing: no welcome, or cut off this soon after it. */
const LASTING = 20_000;

const CLOSED_CODES: Record<number, Code> = {
  4001: 'unauthenticated',
  4003: 'removed',
  4004: 'session_ended',
  4009: 'protocol_error',
};

export class RoomClient {
  #state: RoomState = EMPTY;
  #listeners = new Set<() => void>();
  #outbox: Outbox;
  #socket: Socket | null = null;
  #misses = 0;
  #welcomed = 0;
  #detour: Detour | undefined;
  /** The present connection is a real socket. */
  #straight = true;
  #attempt = 0;
  /** Counts connections, so that what an abandoned one still says is ignored. */
  #turn = 0;
  #heartbeat = DEFAULT_HEARTBEAT;
  #lastFrame = 0;
  /** The highest number told: what is sent is known to come after it, and what stays behind on a dead line is not. */
  #known = 0;
  #stopped = false;
  #reconnect: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #sweep: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: RoomOptions) {
    this.#outbox = new Outbox(options.storage, options.storageKey ?? 'atelier.outbox', () => Date.now());
    this.#state = { ...EMPTY, outbox: this.#outbox.items };
    globalThis.document?.addEventListener?.('visibilitychange', this.#seen);
    globalThis.addEventListener?.('pageshow', this.#seen);
    globalThis.addEventListener?.('online', this.#online);
    globalThis.addEventListener?.('offline', this.#offline);
    // Remembered for this visit (see detour.ts), so that a reload does not try in vain again.
    if (recall()) void this.#around().then(() => this.#connect());
    else void this.#connect();
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Calls `listener` after every change; gives back the way to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for something. Resolves when it is recorded for good; rejects with `Refused` when it will not happen. */
  send(command: Command): Promise<Receipt> {
    if (this.#stopped) {
      const code = CLOSED_CODES[this.#state.closedCode ?? 0] ?? 'unavailable';
      return Promise.reject(new Refused(code, 'The connection is closed.'));
    }
    const receipt = this.#outbox.add(command);
    this.#flush();
    this.#publish({ outbox: this.#outbox.items });
    return receipt;
  }

  /** Leaves. What was not sent yet stays in the storage, if one was given. */
  close(): void {
    if (!this.#stopped) this.#stop(undefined);
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#reconnect);
    this.#drop();
    const turn = this.#turn;
    const stale = () => turn !== this.#turn || this.#stopped;
    if (stale()) return;
    this.#arm(CONNECT_TIMEOUT);
    try {
      const { token } = this.options;
      const secret = typeof token === 'string' ? token : await token();
      if (stale()) return;
      const socket = this.#open();
      // The way around first finds out which one it is.
      const timeout = this.#straight ? CONNECT_TIMEOUT : 3 * CONNECT_TIMEOUT;
      this.#arm(timeout);
      socket.onopen = () => {
        if (stale()) return;
        this.#arm(timeout);
        const { seq } = this.#state;
        const hello: ClientMessage = { type: 'hello', token: secret };
        if (seq !== null) hello.after = seq;
        if (this.options.client) hello.client = this.options.client;
        this.#write(hello);
      };
      socket.onmessage = (event: { data: unknown }) => void (stale() || this.#receive(event.data));
      socket.onclose = (event: { code: number }) => void (stale() || this.#closed(event.code));
    } catch (error) {
      if (stale()) return;
      if ((error as { code?: unknown } | null)?.code === 'unauthenticated') this.#stop(4001);
      else this.#later();
    }
  }

  #open(): Socket {
    this.#welcomed = 0;
    const around = this.#detour?.open();
    this.#straight = !around;
    if (around) return (this.#socket = around);
    const Class = this.options.WebSocket ?? (globalThis.WebSocket as unknown as SocketClass | undefined);
    if (!Class) throw new Error('No WebSocket here: give one in the options.');
    const url = new URL(this.options.url, globalThis.location?.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new Class(url.href, PROTOCOL);
    // What matters comes as a close; but an error nobody listens to ends a Node process.
    socket.onerror = () => {};
    this.#socket = socket;
    return socket;
  }

  #receive(data: unknown): void {
    this.#lastFrame = Date.now();
    let frame: ServerMessage;
    try {
      frame = JSON.parse(String(data)) as ServerMessage;
    } catch {
      return;
    }
    if (frame.type === 'welcome') this.#heartbeat = frame.heartbeat > 0 ? frame.heartbeat : DEFAULT_HEARTBEAT;
    if (this.#state.connection === 'live' || frame.type === 'welcome') this.#arm(this.#heartbeat * 2_000);
    if ('seq' in frame) this.#known = Math.max(this.#known, frame.seq);
    switch (frame.type) {
      case 'ping':
        return this.#write({ type: 'pong' });
      case 'welcome':
        return this.#welcome(frame);
      case 'ack':
        this.#outbox.recorded(frame.ref, frame.seq, frame.at);
        return this.#settled();
      case 'refused':
        this.#outbox.refused(frame.ref, frame.code, frame.message);
        return this.#settled();
      case 'retry':
        this.#outbox.retry(frame.ref, frame.afterMs);
        return this.#flush();
      case 'events':
        // Something between is missing: begin again from what is held.
        if (hasGap(this.#state, frame)) return void this.#connect();
    }
    this.#publish(reduce(this.#state, frame));
  }

  #welcome(frame: Extract<ServerMessage, { type: 'welcome' }>): void {
    this.#attempt = 0;
    this.#welcomed = Date.now();
    const clockOffsetMs = Date.parse(frame.serverTime) - Date.now();
    this.#publish({ ...reduce(this.#state, frame), connection: 'live', clockOffsetMs });
    this.#flush();
  }

  #settled(): void {
    this.#flush();
    this.#publish({ outbox: this.#outbox.items });
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => {
      if (this.#outbox.prune()) this.#publish({ outbox: this.#outbox.items });
    }, SETTLED_FOR);
  }

  #flush(): void {
    if (this.#state.connection !== 'live') return;
    const after = this.#known;
    for (const { ref, command } of this.#outbox.due()) this.#write({ type: 'do', ref, after, command });
    clearTimeout(this.#retry);
    const wait = this.#outbox.nextDue();
    if (wait !== null) this.#retry = setTimeout(() => this.#flush(), wait);
  }

  #write(message: ClientMessage): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #closed(code: number): void {
    if (this.#socket && this.#straight) this.#judge(code);
    if (code >= 4000 && code < 4100) return this.#stop(code);
    const wasLive = this.#state.connection === 'live';
    if (code >= 4200 && code < 4300 && wasLive) this.#again(AT_ONCE);
    else this.#later();
  }

  /** Do sockets get through? A code of ours came over one. */
  #judge(code: number): void {
    if (code >= 4000 || (this.#welcomed && Date.now() - this.#welcomed >= LASTING)) {
      this.#misses = 0;
      this.#detour = undefined;
    } else if (++this.#misses >= ENOUGH && !this.#detour) void this.#around();
  }

  /** From the next connection on. */
  async #around(): Promise<void> {
    try {
      const { Detour } = await import('./detour');
      this.#detour ??= new Detour(this.options, () => this.#now());
    } catch {
      // No network at all: the next socket that fails asks again.
    }
  }

  /** Tries again after a random part of an exponentially growing time, so that a thousand phones do not come at once. */
  #later(): void {
    const ceiling = Math.min(BACKOFF_MAX, BACKOFF_BASE * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#again(ceiling);
  }

  /** Connects after a random part of this time. */
  #again(ceiling: number): void {
    this.#drop();
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => void this.#connect(), Math.random() * ceiling);
    this.#publish({ connection: this.#state.you ? 'reconnecting' : 'connecting' });
  }

  /** Forgets the present socket; everything unanswered will go out on the next one. */
  #drop(): void {
    this.#turn += 1;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retry);
    this.#outbox.reset();
    const socket = this.#socket;
    this.#socket = null;
    if (this.#state.connection === 'live') this.#publish({ connection: 'reconnecting' });
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close();
    } catch {
      // Already gone.
    }
  }

  #stop(closedCode: number | undefined): void {
    this.#drop();
    this.#detour?.stop();
    this.#stopped = true;
    for (const timer of [this.#reconnect, this.#sweep]) clearTimeout(timer);
    globalThis.document?.removeEventListener?.('visibilitychange', this.#seen);
    globalThis.removeEventListener?.('pageshow', this.#seen);
    globalThis.removeEventListener?.('online', this.#online);
    globalThis.removeEventListener?.('offline', this.#offline);
    const code = CLOSED_CODES[closedCode ?? 0] ?? 'unavailable';
    // After a refused token the participant may come in again and still send what waits.
    this.#outbox.abandon(code, 'The connection is closed.', closedCode !== undefined && closedCode !== 4001);
    this.#publish({ connection: 'closed', closedCode, outbox: this.#outbox.items });
  }

  /** Nothing came for too long: the line is dead although nobody said so. */
  #arm(ms: number): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#closed(LOST), ms);
  }

  /** The page is in front again. A socket that slept through a heartbeat is not trusted. */
  #seen = (): void => {
    if (globalThis.document?.visibilityState === 'hidden') return;
    const fresh = this.#state.connection === 'live' && Date.now() - this.#lastFrame < this.#heartbeat * 1_000 + 5_000;
    if (!fresh) this.#now();
  };

  #online = (): void => this.#now();

  #offline = (): void => {
    if (this.#state.connection === 'live') this.#later();
  };

  #now(): void {
    if (this.#stopped) return;
    this.#attempt = 0;
    void this.#connect();
  }

  #publish(change: Partial<RoomState>): void {
    const next = { ...this.#state, ...change };
    this.#state = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

function recall(): unknown {
  try {
    return globalThis.sessionStorage?.getItem('atelier.detour');
  } catch {
    return null;
  }
}
