/**
 * *Saving → saved* for y-websocket, whose protocol has no word for it. A mark is sent behind what was written, and comes
 * back when all of it is in the database. Works beside a `WebsocketProvider` of y-websocket 1.5, 2 and 3, unchanged.
 */

/** What is used of a `WebsocketProvider`. */
export interface YWebsocketProvider {
  readonly doc: {
    on(event: 'update', heard: (update: Uint8Array, origin: unknown) => void): void;
    off(event: 'update', heard: (update: Uint8Array, origin: unknown) => void): void;
  };
  readonly ws: { readonly readyState: number; send(data: Uint8Array<ArrayBuffer>): void } | null;
  readonly messageHandlers: object;
  on(event: 'sync', heard: (synced: boolean) => void): void;
  off(event: 'sync', heard: (synced: boolean) => void): void;
}

interface Decoder {
  readonly arr: Uint8Array;
  pos: number;
}
type Handlers = Record<number, ((encoder: unknown, decoder: Decoder) => void) | undefined>;

const MARK = 100;
const OPEN = 1;

export class Saved {
  /** Is everything that was written here in the database? False until the first time that is known. */
  saved = false;
  #last = 0;

  constructor(
    private readonly provider: YWebsocketProvider,
    /** `saved` has changed. */
    private readonly onchange: (saved: boolean) => void = () => {},
  ) {
    (provider.messageHandlers as Handlers)[MARK] = (_, decoder) => {
      if (read(decoder) === this.#last) this.#set(true);
    };
    // Behind the provider's own listener, so that the mark follows the change.
    provider.doc.on('update', this.#written);
    provider.on('sync', this.#synced);
    this.#ask();
  }

  /** Listens no more. Does not end the provider. */
  stop(): void {
    this.provider.doc.off('update', this.#written);
    this.provider.off('sync', this.#synced);
    (this.provider.messageHandlers as Handlers)[MARK] = undefined;
  }

  #written = (_: Uint8Array, origin: unknown): void => {
    if (origin === this.provider) return;
    this.#set(false);
    this.#ask();
  };

  /** A new line: the server has asked for what it lacks, and has got it before this. */
  #synced = (synced: boolean): void => {
    if (synced) this.#ask();
  };

  #ask(): void {
    this.#last += 1;
    if (this.provider.ws?.readyState === OPEN) this.provider.ws.send(Uint8Array.from([MARK, ...varUint(this.#last)]));
  }

  #set(saved: boolean): void {
    if (this.saved === saved) return;
    this.saved = saved;
    this.onchange(saved);
  }
}

/** Little-endian base 128, as lib0 has it. */
function varUint(number: number): number[] {
  const bytes: number[] = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) + 128);
  return [...bytes, number];
}

function read(decoder: Decoder): number {
  let number = 0;
  for (let scale = 1; decoder.pos < decoder.arr.length; scale *= 128) {
    const byte = decoder.arr[decoder.pos++]!;
    number += (byte % 128) * scale;
    if (byte < 128) break;
  }
  return number;
}
