/** What an editor may say about itself, as pure functions. */

/** What is known about the line to the server. */
export interface Line {
  /** The socket is open. */
  connected: boolean;
  /** The first attempt is over, whatever came of it. */
  tried: boolean;
  /** The server let us in on this socket, with this right. */
  scope: 'read-write' | 'readonly' | null;
  /** The server refused; nothing more will come. */
  denied: boolean;
  /** Changes that the server has not yet said it has stored. */
  unsynced: number;
  /** It was all there at least once, from the server or from this device. */
  loaded: boolean;
}

/**
 * `offlineKept`: written here, on this device's disk, not yet on the server. `lost`: something was written here that the
 * server does not take, because the right to write went away; `closed` the same, and nothing may be read either.
 */
export type Status =
  'connecting' | 'offline' | 'offlineUnsaved' | 'offlineKept' | 'saving' | 'saved' | 'reading' | 'lost' | 'closed';

/** `dirty`: a person wrote something here since the last time everything was stored; `kept`: it is on this device. */
export function statusOf(line: Line, dirty: boolean, kept = false): Status {
  if (line.denied) return 'closed';
  if (!line.connected && line.loaded && line.tried)
    return dirty ? (kept ? 'offlineKept' : 'offlineUnsaved') : 'offline';
  if (!line.connected || !line.scope || !line.loaded) return 'connecting';
  if (line.scope === 'readonly') return dirty ? 'lost' : 'reading';
  return line.unsynced > 0 ? 'saving' : 'saved';
}

/** May somebody type now? Offline one may: the words are kept and sent later. */
export function mayType(line: Line, right: boolean): boolean {
  return right && line.loaded && !line.denied;
}

/** A typed address as a link, or null where it is none we make: only the web and mail. */
export function address(typed: string): string | null {
  const text = typed.trim();
  if (text === '' || /\s/.test(text)) return null;
  const mail = /^[^@/:]+@[^@/:]+\.[^@/:]+$/.test(text);
  const full = mail ? `mailto:${text}` : /^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text) ? text : `https://${text}`;
  try {
    const url = new URL(full);
    return ['https:', 'http:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Somebody else in the document. */
export interface Peer {
  id: number;
  name: string;
  series: number;
}

/** One of the six colours of the theme: never one that a peer sends. */
export function seriesOf(id: unknown): number {
  const n = Number(id);
  return Number.isSafeInteger(n) && n >= 0 ? (n % 6) + 1 : 1;
}

/** A name that a peer sends, made harmless to look at. */
export function nameOf(name: unknown): string {
  // eslint-disable-next-line no-control-regex
  const text = typeof name === 'string' ? name.replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '') : '';
  return [...text.trim()].slice(0, 40).join('') || '?';
}

/** Who is here besides `self`, by name. */
export function peersOf(states: ReadonlyMap<number, Record<string, unknown>>, self: number): Peer[] {
  return [...states]
    .filter(([id, state]) => id !== self && state?.user)
    .map(([id, state]) => ({ id, name: nameOf((state.user as { name?: unknown }).name), series: seriesOf(id) }))
    .sort((a, b) => a.name.localeCompare(b.name) || a.id - b.id);
}
