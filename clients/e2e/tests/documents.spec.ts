/** Shared documents as other people's editors open them: the providers from npm, unchanged, in Node. */
import {
  EDITORS,
  emptyLine,
  hocuspocus,
  HOCUSPOCUS_2,
  HOCUSPOCUS_3,
  shared,
  ywebsocket,
  type Editor,
} from './support/editors';
import { Proxy } from './support/proxy';
import { expect, test } from './support/test';
import type { Stage, Workshop } from './support/workshop';

const until = async (what: string, so: () => boolean): Promise<void> => {
  await expect.poll(so, { message: what, intervals: [20] }).toBe(true);
};

/** Is somebody of this name looking, as far as this editor knows? */
const sees = (editor: Editor, name: string): boolean =>
  [...editor.awareness.getStates().values()].some((state) => state.user?.name === name);

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
  const bo = await ywebsocket(baseURL!, name, guest);
  await until('both are in', () => ada.saved() && bo.saved());
  expect(ada.scopes[0]).toBe('read-write');

  ada.text.insert(0, 'Hello');
  await until('it is saved', ada.saved);
  await until('it arrives', () => bo.text.toString() === 'Hello');
  bo.text.insert(5, ' world');
  await until('it comes back', () => ada.text.toString() === 'Hello world');

  ada.provider.setAwarenessField('user', { name: 'Ada' });
  await until('who is looking', () => sees(bo, 'Ada'));

  ada.destroy();
  await until('who is gone', () => !sees(bo, 'Ada'));
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
  await until('a bad token is refused', () => nobody.denied());
  const elsewhere = await hocuspocus(baseURL!, 'live_notes:00000000-0000-4000-8000-000000000000', host);
  await until('what is not there is refused', () => elsewhere.denied());
  for (const editor of [ada, bo, nobody, elsewhere]) editor.destroy();
});

test('three who write at random while their lines are cut end with one text', async ({ workshop, baseURL }) => {
  const { name, host, guest } = await room(workshop);
  const ada = await hocuspocus(baseURL!, name, host);
  const cy = await hocuspocus(baseURL!, name, guest);
  const bo = await ywebsocket(baseURL!, name, guest);
  await until('all are in', () => ada.saved() && cy.saved() && bo.saved());
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
    if (step % 60 === 30) cy.hangUp();
    if (step % 90 === 40) bo.hangUp();
    if (step % 10 === 0) await new Promise((done) => setImmediate(done));
  }
  await until('everything is saved', () => ada.saved() && cy.saved());
  await until('one text', () => new Set(editors.map((e) => e.text.toString())).size === 1);
  const fresh = await hocuspocus(baseURL!, name, host);
  await until('the server has it', () => fresh.saved() && fresh.text.toString() === ada.text.toString());
  for (const editor of [...editors, fresh]) editor.destroy();
});

test('several documents, and one of them twice, share a socket', async ({ workshop, baseURL }) => {
  const one = await room(workshop);
  const other = await room(workshop);
  const line = await shared(baseURL!);
  const first = line.open(one.name, one.host);
  const second = line.open(other.name, one.host);
  const again = line.open(one.name, one.host, true);
  const far = await hocuspocus(baseURL!, one.name, one.guest);
  await until('all are in', () => [first, second, again, far].every((e) => e.saved()));
  expect(line.opened()).toBe(1);
  first.text.insert(0, 'one');
  second.text.insert(0, 'two');
  await until('saved', () => first.saved() && second.saved());
  await until(
    'it is in the same document only',
    () => far.text.toString() === 'one' && again.text.toString() === 'one',
  );
  expect(second.text.toString()).toBe('two');
  // What an application says to its server is no business of ours, and hurts nothing.
  first.provider.sendStateless('{"hello":"server"}');
  // One goes; the others stay.
  again.destroy();
  first.text.insert(3, '!');
  await until('saved', first.saved);
  // The token is asked for again while all of them are in, and nobody has to begin anew.
  await until('asked again', () => {
    far.awareness.setLocalStateField('looks', Math.random());
    first.awareness.setLocalStateField('looks', Math.random());
    return first.scopes.length > 1 && second.scopes.length > 1;
  });
  far.text.insert(0, 'still ');
  await until('still one text', () => first.text.toString() === 'still one!');
  expect(line.opened()).toBe(1);
  for (const editor of [first, second, far, line]) editor.destroy();
});

for (const { name: version, open } of EDITORS) {
  test(`${version} connects, types, sees who is there, and comes back after a cut`, async ({ workshop, baseURL }) => {
    const { name, host, guest } = await room(workshop);
    const line = await Proxy.before(baseURL!, {});
    const ada = await hocuspocus(baseURL!, name, guest);
    ada.text.insert(0, 'first ');
    await until('there is something to come to', ada.saved);
    const it = await open(line.url, name, host);
    await until('it is in', it.saved);
    expect(it.text.toString()).toBe('first ');
    it.text.insert(it.text.length, 'second ');
    await until('it arrives', () => ada.text.toString() === 'first second ');
    ada.text.insert(ada.text.length, 'third ');
    await until('the others arrive', () => it.text.toString() === 'first second third ');
    await until('it is saved', it.saved);

    it.awareness.setLocalStateField('user', { name: 'It' });
    ada.awareness.setLocalStateField('user', { name: 'Ada' });
    await until('they see each other', () => sees(it, 'Ada') && sees(ada, 'It'));

    line.cut();
    it.text.insert(0, 'away ');
    ada.text.insert(ada.text.length, 'here ');
    await until('it is in again', () => it.opened() === 2 && it.saved());
    await until('one text', () => [it, ada].every((e) => e.text.toString() === 'away first second third here '));
    await until('they see each other again', () => sees(it, 'Ada') && sees(ada, 'It'));
    it.destroy();
    await until('it is gone', () => !sees(ada, 'It'));
    ada.destroy();

    const later = await open(baseURL!, name, host);
    await until('it comes to what it left', () => later.saved() && later.text.toString().startsWith('away first'));
    later.destroy();
    line.close();
  });

  test(`${version} reads only where it may, and loses nothing by it`, async ({ workshop, baseURL }) => {
    const { name, host, guest, may } = await room(workshop);
    await may('read');
    const ada = await hocuspocus(baseURL!, name, host);
    const it = await open(baseURL!, name, guest);
    await until('both are in', () => ada.saved() && it.saved());
    it.text.insert(0, 'mine ');
    ada.text.insert(0, 'ours ');
    await until('Ada has written', ada.saved);
    await until('it reads', () => it.text.toString().includes('ours'));
    const fresh = await hocuspocus(baseURL!, name, host);
    await until('somebody else is in', fresh.saved);
    expect([ada.text.toString(), fresh.text.toString()]).toEqual(['ours ', 'ours ']);
    if ('scopes' in it) expect(it.scopes).not.toContain('read-write');
    expect(it.saved()).toBe(false);

    await may('edit');
    await until('it may write, and brings what it has', () => ada.text.toString().includes('mine') && it.saved());
    expect(ada.text.toString()).toBe(it.text.toString());

    await may('nothing');
    await until('it may not come in any more', it.denied);
    const nobody = await open(baseURL!, name, 'atl_nobody');
    const elsewhere = await open(baseURL!, 'live_notes:00000000-0000-4000-8000-000000000000', host);
    await until('nobody else may', () => nobody.denied() && elsewhere.denied());
    expect([nobody, elsewhere].some((e) => e.saved())).toBe(false);
    for (const editor of [ada, it, fresh, nobody, elsewhere]) editor.destroy();
  });
}

test('no version gives up a line on which nothing is said for 40 s', async ({ workshop, baseURL }) => {
  const { name, host } = await room(workshop);
  const all = await Promise.all(EDITORS.map(({ open }) => open(baseURL!, name, host)));
  // Those that were refused wait as well, and those that have opened nothing. What a provider throws fails the test.
  const refused = await Promise.all(EDITORS.map(({ open }) => open(baseURL!, name, 'atl_nobody')));
  const empty = await Promise.all([HOCUSPOCUS_2, HOCUSPOCUS_3].map((version) => emptyLine(baseURL!, version)));
  await until('all are in', () => all.every((e) => e.saved()) && refused.every((e) => e.denied()));
  await new Promise((done) => setTimeout(done, 40_000));
  all[0]!.text.insert(0, 'still here');
  await until('all hear it', () => all.every((e) => e.text.toString() === 'still here'));
  expect(all.map((e) => e.opened())).toEqual(all.map(() => 1));
  for (const editor of [...all, ...refused, ...empty]) editor.destroy();
});
