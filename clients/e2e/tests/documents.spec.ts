/** Shared documents as other people's editors open them: the providers from npm, unchanged, in Node. */
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { expect, test } from './support/test';
import type { Stage, Workshop } from './support/workshop';

interface Editor {
  doc: Y.Doc;
  text: Y.Text;
  destroy(): void;
}

const until = async (what: string, so: () => boolean): Promise<void> => {
  await expect.poll(so, { message: what, intervals: [20] }).toBe(true);
};

/** An editor over Hocuspocus; `saved` says what its indicator would say. */
async function hocuspocus(base: string, name: string, token: string) {
  const doc = new Y.Doc();
  const socket = new HocuspocusProviderWebsocket({
    url: `${base.replace('http', 'ws')}/collab/hocuspocus`,
    WebSocketPolyfill: WebSocket,
  });
  const scopes: string[] = [];
  const denied: string[] = [];
  const provider = new HocuspocusProvider({
    name,
    document: doc,
    token,
    websocketProvider: socket,
    onAuthenticated: ({ scope }) => scopes.push(scope),
    onAuthenticationFailed: ({ reason }) => denied.push(reason),
  });
  provider.attach();
  return {
    doc,
    text: doc.getText('t'),
    provider,
    socket,
    scopes,
    denied,
    saved: () => provider.isSynced && !provider.hasUnsyncedChanges,
    destroy: () => {
      provider.destroy();
      socket.destroy();
      doc.destroy();
    },
  };
}

function ywebsocket(base: string, name: string, token: string): Editor & { provider: WebsocketProvider } {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`${base.replace('http', 'ws')}/collab/yjs`, name, doc, {
    params: { token },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  });
  return {
    doc,
    text: doc.getText('t'),
    provider,
    destroy: () => {
      provider.destroy();
      doc.destroy();
    },
  };
}

async function call(stage: Stage, token: string, method: string, body?: unknown): Promise<{ document: string }> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const address = `${stage.base}/api/v1/live-sessions/${stage.session.id}/notes`;
  const answer = await fetch(address, { method, headers, body: body ? JSON.stringify(body) : undefined });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { document: string };
}

interface Room {
  stage: Stage;
  host: string;
  guest: string;
  name: string;
  may: (may: 'nothing' | 'read' | 'edit') => Promise<unknown>;
}

async function room(workshop: Workshop): Promise<Room> {
  const stage = await workshop.stage({ title: 'Notes' });
  await stage.begin();
  const host = workshop.account.token!;
  const guest = (await stage.guest('Bo')).token;
  const may = (may: string) => call(stage, host, 'PATCH', { participantsMay: may });
  await may('edit');
  return { stage, host, guest, name: (await call(stage, host, 'GET')).document, may };
}

test('editors of both protocols write in one text, and saved means saved', async ({ workshop, baseURL }) => {
  const { name, host, guest } = await room(workshop);
  const ada = await hocuspocus(baseURL!, name, host);
  const bo = ywebsocket(baseURL!, name, guest);
  await until('both are in', () => ada.saved() && bo.provider.synced);
  expect(ada.scopes).toEqual(['read-write']);

  ada.text.insert(0, 'Hello');
  await until('it is saved', ada.saved);
  await until('it arrives', () => bo.text.toString() === 'Hello');
  bo.text.insert(5, ' world');
  await until('it comes back', () => ada.text.toString() === 'Hello world');

  ada.provider.setAwarenessField('user', { name: 'Ada' });
  await until('who is looking', () =>
    [...bo.provider.awareness.getStates().values()].some((s) => s.user?.name === 'Ada'),
  );

  ada.destroy();
  await until(
    'who is gone',
    () => ![...bo.provider.awareness.getStates().values()].some((s) => s.user?.name === 'Ada'),
  );
  bo.destroy();

  const later = await hocuspocus(baseURL!, name, host);
  await until('it is still there', () => later.saved() && later.text.toString() === 'Hello world');
  later.destroy();
});

test('readers read, strangers do not exist, and a right that is taken away is gone at once', async ({
  workshop,
  baseURL,
}) => {
  const { name, host, guest, may } = await room(workshop);
  const ada = await hocuspocus(baseURL!, name, host);
  const bo = await hocuspocus(baseURL!, name, guest);
  await until('both are in', () => ada.saved() && bo.saved());
  bo.text.insert(0, 'mine');
  await until('it is saved', bo.saved);

  await may('read');
  await until('Bo may only read', () => bo.scopes.at(-1) === 'readonly');
  bo.text.insert(0, 'not ');
  ada.text.insert(4, '!');
  await until('Ada is in again and writes', ada.saved);
  await until('Bo sees it', () => bo.text.toString().includes('!'));
  expect(ada.text.toString()).toBe('mine!');
  expect(bo.provider.hasUnsyncedChanges).toBe(true);

  const nobody = await hocuspocus(baseURL!, name, 'atl_nobody');
  await until('a bad token is refused', () => nobody.denied.length > 0);
  const elsewhere = await hocuspocus(baseURL!, 'live_notes:00000000-0000-4000-8000-000000000000', host);
  await until('what is not there is refused', () => elsewhere.denied.length > 0);
  for (const editor of [ada, bo, nobody, elsewhere]) editor.destroy();
});

test('three who write at random while their lines are cut end with one text', async ({ workshop, baseURL }) => {
  const { name, host, guest } = await room(workshop);
  const ada = await hocuspocus(baseURL!, name, host);
  const cy = await hocuspocus(baseURL!, name, guest);
  const bo = ywebsocket(baseURL!, name, guest);
  await until('all are in', () => ada.saved() && cy.saved() && bo.provider.synced);
  const editors: Editor[] = [ada, bo, cy];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  for (let step = 0; step < 300; step += 1) {
    const { text } = editors[random(3)]!;
    if (text.length > 20 && random(4) === 0) text.delete(random(text.length - 5), 1 + random(5));
    else text.insert(random(text.length + 1), `${step} `);
    if (step % 60 === 30) cy.socket.webSocket?.close();
    if (step % 90 === 40) bo.provider.ws?.close();
    if (step % 10 === 0) await new Promise((done) => setImmediate(done));
  }
  await until('everything is saved', () => ada.saved() && cy.saved());
  await until('one text', () => new Set(editors.map((e) => e.text.toString())).size === 1);
  const fresh = await hocuspocus(baseURL!, name, host);
  await until('the server has it', () => fresh.saved() && fresh.text.toString() === ada.text.toString());
  for (const editor of [...editors, fresh]) editor.destroy();
});
