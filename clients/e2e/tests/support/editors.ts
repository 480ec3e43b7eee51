/** Editors as other people's programs have them: the providers from npm, unchanged, of every version that is promised. */
import { Saved } from '../../../sdk/src/index';
import type * as Hocuspocus from '@hocuspocus/provider';
import { WebSocket } from 'ws';
import type * as YWebsocket from 'y-websocket';
import * as Y from 'yjs';

type Awareness = YWebsocket.WebsocketProvider['awareness'];

export interface Editor {
  doc: Y.Doc;
  text: Y.Text;
  awareness: Awareness;
  /** How often a line was opened. */
  opened: () => number;
  /** In, and both sides have everything. Over Hocuspocus also: what its indicator would say. */
  saved: () => boolean;
  /** Refused when it last asked. */
  denied: () => boolean;
  /** The line is closed from here. */
  hangUp: () => void;
  destroy: () => void;
}

export interface HocuspocusEditor extends Editor {
  provider: Hocuspocus.HocuspocusProvider;
  scopes: string[];
}

export const HOCUSPOCUS = '@hocuspocus/provider';
export const HOCUSPOCUS_3 = 'hocuspocus-provider-3';
export const HOCUSPOCUS_2 = 'hocuspocus-provider-2';
export const YWEBSOCKET = 'y-websocket';

/** A line of Hocuspocus for several documents, and what is open on it. */
export interface SharedLine {
  /** How often it was opened. */
  opened: () => number;
  /** `twice`: beside another editor of the same document on this line. */
  open: (name: string, token: string, twice?: boolean) => HocuspocusEditor;
  destroy: () => void;
}

export async function shared(base: string, version = HOCUSPOCUS): Promise<SharedLine> {
  const upstream = (await import(version)) as typeof Hocuspocus;
  let opened = 0;
  const socket = new upstream.HocuspocusProviderWebsocket({
    url: `${base.replace('http', 'ws')}/collab/hocuspocus`,
    WebSocketPolyfill: WebSocket,
    onOpen: () => (opened += 1),
  });
  const open = (name: string, token: string, twice = false): HocuspocusEditor => {
    const doc = new Y.Doc();
    const scopes: string[] = [];
    let denied = false;
    const provider: Hocuspocus.HocuspocusProvider = new upstream.HocuspocusProvider({
      name,
      document: doc,
      token,
      websocketProvider: socket,
      ...(twice ? { sessionAwareness: true } : {}),
      // Version 2 says the scope beside it.
      onAuthenticated: (data) => {
        denied = false;
        scopes.push(data?.scope ?? String(provider.authorizedScope));
      },
      onAuthenticationFailed: () => (denied = true),
    });
    // Version 2 does so by itself.
    if ('attach' in provider) provider.attach();
    return {
      doc,
      text: doc.getText('t'),
      awareness: provider.awareness!,
      provider,
      scopes,
      opened: () => opened,
      saved: () => provider.isSynced && !provider.hasUnsyncedChanges,
      denied: () => denied,
      hangUp: () => socket.webSocket?.close(),
      destroy: () => (provider.destroy(), doc.destroy()),
    };
  };
  return { opened: () => opened, open, destroy: () => socket.destroy() };
}

/** An editor over Hocuspocus with a line of its own, of the version in this package. */
export async function hocuspocus(
  base: string,
  name: string,
  token: string,
  version = HOCUSPOCUS,
): Promise<HocuspocusEditor> {
  const line = await shared(base, version);
  const editor = line.open(name, token);
  return { ...editor, destroy: () => (editor.destroy(), line.destroy()) };
}

/** A line of Hocuspocus on which no document is opened. */
export async function emptyLine(base: string, version: string): Promise<{ destroy(): void }> {
  const upstream = (await import(version)) as typeof Hocuspocus;
  const url = `${base.replace('http', 'ws')}/collab/hocuspocus`;
  return new upstream.HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
}

/** The same over y-websocket, which has no word for what is saved; our SDK has. */
export async function ywebsocket(base: string, name: string, token: string, version = YWEBSOCKET): Promise<Editor> {
  const upstream = (await import(version)) as typeof YWebsocket;
  const doc = new Y.Doc();
  const provider = new upstream.WebsocketProvider(`${base.replace('http', 'ws')}/collab/yjs`, name, doc, {
    params: { token },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  });
  const indicator = new Saved(provider);
  let opened = 0;
  let denied = false;
  provider.on('status', ({ status }: { status: string }) => {
    if (status === 'connected') opened += 1;
  });
  // The refusal comes instead of the socket.
  provider.on('connection-error', () => (denied = true));
  return {
    doc,
    text: doc.getText('t'),
    awareness: provider.awareness,
    opened: () => opened,
    saved: () => provider.synced && indicator.saved,
    denied: () => denied,
    hangUp: () => provider.ws?.close(),
    destroy: () => {
      provider.destroy();
      doc.destroy();
    },
  };
}

export type Open = (base: string, name: string, token: string) => Promise<Editor>;

const of = (open: typeof hocuspocus | typeof ywebsocket, version: string): Open => {
  return (base, name, token) => open(base, name, token, version);
};

/** Every version that connects unchanged. */
export const EDITORS: { name: string; open: Open }[] = [
  { name: 'HocuspocusProvider 4', open: of(hocuspocus, HOCUSPOCUS) },
  { name: 'HocuspocusProvider 3', open: of(hocuspocus, HOCUSPOCUS_3) },
  { name: 'HocuspocusProvider 2', open: of(hocuspocus, HOCUSPOCUS_2) },
  { name: 'y-websocket 3', open: of(ywebsocket, YWEBSOCKET) },
  { name: 'y-websocket 2', open: of(ywebsocket, 'y-websocket-2') },
  { name: 'y-websocket 1.5', open: of(ywebsocket, 'y-websocket-1') },
];
