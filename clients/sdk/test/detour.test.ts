import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import '../src/detour';
import { RoomClient, type RoomOptions } from '../src/room';
import { FakeSocket, MemoryStore } from './fake';
import { FakeHttp, snapshot, welcome } from './fake-http';

const vote = (option: string) => ({ vote: { poll: 'p1', round: 1, choice: { options: [option] } } });
const clients: RoomClient[] = [];
let http: FakeHttp;
let visit: MemoryStore;

function room(options: Partial<RoomOptions> = {}): RoomClient {
  const url = 'https://host/live/ws';
  const client = new RoomClient({ url, token: 'secret', WebSocket: FakeSocket, fetch: http.fetch, ...options });
  clients.push(client);
  return client;
}

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** Two sockets come to nothing; the next connection goes around. */
async function around(options: Partial<RoomOptions> = {}): Promise<RoomClient> {
  const client = room(options);
  await pass();
  FakeSocket.last.end(1006);
  await pass(250);
  FakeSocket.last.end(1006);
  await vi.dynamicImportSettled();
  await pass(500);
  return client;
}

async function live(options: Partial<RoomOptions> = {}): Promise<RoomClient> {
  const client = await around(options);
  http.last.opens().frames(welcome(), snapshot());
  await pass();
  expect(client.state.connection).toBe('live');
  return client;
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T12:00:00Z'), toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
  http = new FakeHttp();
  visit = new MemoryStore();
  vi.stubGlobal('sessionStorage', visit);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('when sockets come to nothing', () => {
  test('twice is enough: the stream takes over, with the same token and messages', async () => {
    const client = await around({ client: 'web' });
    expect(FakeSocket.all).toHaveLength(2);
    expect(http.last).toMatchObject({ method: 'GET', token: 'secret', query: { client: 'web' } });
    expect(http.last.url.href).toBe('https://host/live/-/events?client=web');
    http.last
      .opens()
      .sends(`:${' '.repeat(2_048)}\nretry: 1000\n\n`)
      .frames(welcome(7), snapshot(7));
    await pass();
    expect(client.state).toMatchObject({ connection: 'live', seq: 7 });
    http.last.frames({ type: 'presence', online: 3 }, { type: 'ping' });
    await pass();
    expect(client.state.online).toBe(3);
    expect(visit.map.get('atelier.detour')).toBe('events');
  });

  test('a token that cannot be had, a code of ours, or a line that lasted say nothing against sockets', async () => {
    const client = room();
    const ends = async (code: number) => {
      const count = FakeSocket.all.length;
      FakeSocket.last.end(code);
      while (FakeSocket.all.length === count) await pass(50);
    };
    for (const code of [4100, 1006, 4108, 4200, 1006, 4129, 1006]) await ends(code);
    FakeSocket.last.welcome();
    await pass(20_000);
    await ends(1006);
    FakeSocket.last.welcome();
    expect(client.state.connection).toBe('live');
    expect(http.all).toHaveLength(0);
  });

  test('lines that are cut off again and again come to nothing, too', async () => {
    room();
    for (const wait of [250, 250]) {
      FakeSocket.last.welcome();
      await pass(5_000);
      FakeSocket.last.end(1006);
      await vi.dynamicImportSettled();
      await pass(wait);
    }
    expect(http.last.query).toEqual({ after: '1' });
  });

  test('a reload does not try in vain again', async () => {
    visit.setItem('atelier.detour', 'events');
    room();
    await vi.dynamicImportSettled();
    await pass();
    expect(FakeSocket.all).toHaveLength(0);
    expect(http.all).toHaveLength(1);
  });

  test('a client that is closed while the way around is loaded stays closed', async () => {
    visit.setItem('atelier.detour', 'events');
    room().close();
    await vi.dynamicImportSettled();
    await pass(1_000);
    expect(http.all).toHaveLength(0);
  });

  test('when nothing answers at all, sockets get their turn again', async () => {
    await around();
    http.last.fails();
    await pass(1_000);
    expect([FakeSocket.all.length, http.all.length]).toEqual([3, 1]);
    FakeSocket.last.end(1006);
    await pass(2_000);
    expect([FakeSocket.all.length, http.all.length]).toEqual([3, 2]);
    http.last.fails();
    await pass(4_000);
    FakeSocket.last.welcome();
    await pass(20_000);
    FakeSocket.last.end(1006);
    await pass(250);
    expect([FakeSocket.all.length, http.all.length]).toEqual([5, 2]);
  });

  test('a page of somebody else is no answer', async () => {
    const client = await around();
    http.last.opens('text/html').sends('<h1>Welcome to our Wi-Fi</h1>');
    await pass();
    expect(client.state.connection).toBe('connecting');
    await pass(1_000);
    expect(http.all).toHaveLength(2);
  });
});

describe('the stream', () => {
  test('that breaks is resumed after the number held', async () => {
    const client = await live();
    http.last.frames({ type: 'events', after: 1, seq: 9, events: [] });
    await pass(20_000);
    http.last.ends();
    await pass(250);
    expect(client.state.connection).toBe('reconnecting');
    expect(http.last.query).toEqual({ after: '9' });
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('says goodbye with the codes of the socket', async () => {
    const client = await live();
    http.last.sends('event: close\ndata: {"code":4200,"reason":null}\n\n');
    await pass(250);
    expect(http.all).toHaveLength(2);
    http.last.opens().frames(welcome(), snapshot()).sends('event: close\ndata: {"code":4004,"reason":"x"}\n\n');
    await pass(60_000);
    expect(client.state).toMatchObject({ connection: 'closed', closedCode: 4004 });
    expect(http.all).toHaveLength(2);
  });

  test('is refused with the code in the head', async () => {
    const client = await around();
    http.last.refuses(401, 4001);
    await pass();
    expect(client.state).toMatchObject({ connection: 'closed', closedCode: 4001 });
  });

  test('may come in any pieces', async () => {
    const client = await around();
    http.last.opens();
    const all = new TextEncoder().encode(
      `: hello\n\nid: 1\n${[welcome(), snapshot(), { type: 'presence', online: 5 }].map((f) => `data: ${JSON.stringify(f)}`).join('\n\n')}\n\n`,
    );
    for (let at = 0; at < all.length; at += 7) {
      http.last.sends(new TextDecoder().decode(all.slice(at, at + 7)));
      await pass();
    }
    expect(client.state).toMatchObject({ connection: 'live', online: 5 });
  });

  test('that is cut off again and again is given up', async () => {
    await live();
    for (let n = 0; n < 2; n++) {
      http.last.ends();
      await pass(250);
      if (n === 0) http.last.opens().frames(welcome(), snapshot());
      await pass();
    }
    expect(http.last.query.wait).toBe('20');
  });

  test('ends with the client', async () => {
    const client = await live();
    client.close();
    expect(http.last.aborted).toBe(true);
    await pass(600_000);
    expect([http.all.length, FakeSocket.all.length]).toEqual([1, 2]);
  });
});

describe('commands', () => {
  test('are sent one by one and answered like on the socket', async () => {
    const client = await live();
    const done = client.send(vote('a'));
    const refused = client.send({ upvote: { question: 'q1', on: true } });
    await pass();
    const [one, two] = http.posts;
    expect(one).toMatchObject({ token: 'secret', body: { after: 1, command: vote('a') } });
    expect(one!.url.href).toBe('https://host/live/-/commands');
    one!.says({ type: 'ack', ref: one!.body.ref, seq: 2, at: 'now' });
    two!.says({ type: 'refused', ref: two!.body.ref, code: 'own_question', message: 'No.' });
    await expect(done).resolves.toMatchObject({ seq: 2 });
    await expect(refused).rejects.toMatchObject({ code: 'own_question' });
  });

  test('whose fate nobody knows are sent again', async () => {
    const client = await live();
    const done = client.send(vote('a'));
    await pass();
    http.posts[0]!.fails();
    await pass(1_000);
    http.posts[1]!.refuses(502);
    await pass(1_000);
    await pass(15_000);
    expect(http.posts[2]!.aborted).toBe(true);
    await pass(1_000);
    const again = http.posts[3]!;
    expect(again.body).toEqual(http.posts[0]!.body);
    again.says({ type: 'ack', ref: again.body.ref, seq: 1, at: 'now' });
    await expect(done).resolves.toBeTruthy();
  });

  test('that are far too many end the connection for a while', async () => {
    const client = await live();
    void client.send(vote('a'));
    await pass();
    http.posts[0]!.refuses(429, 4129);
    await pass();
    expect(client.state.connection).toBe('reconnecting');
    await pass(250);
    expect(http.last.method).toBe('GET');
    http.last.opens().frames(welcome());
    await pass();
    expect(http.posts[1]!.body).toEqual(http.posts[0]!.body);
  });

  test('need a ticket each, where tickets are used', async () => {
    let n = 0;
    const client = await live({ token: () => Promise.resolve(`ticket-${++n}`) });
    expect(http.last.token).toBe('ticket-3');
    void client.send(vote('a'));
    await pass();
    expect(http.posts[0]!.token).toBe('ticket-4');
  });
});

describe('where something on the way holds streams back', () => {
  test('one answer after the other takes over', async () => {
    const client = await around();
    http.last.opens();
    await pass(4_000);
    expect(http.all[0]!.aborted).toBe(true);
    expect(http.last.query).toEqual({ wait: '20' });
    http.last.tells('abc', welcome(3), snapshot(3));
    await pass();
    expect(client.state).toMatchObject({ connection: 'live', seq: 3 });
    expect(visit.map.get('atelier.detour')).toBe('answers');
    await pass(500);
    expect(http.last.query).toEqual({ after: '3', wait: '20', known: 'abc' });
    await pass(20_000);
    http.last.tells('abd', welcome(3), { type: 'events', after: 3, seq: 4, events: [] });
    await pass();
    expect(client.state).toMatchObject({ connection: 'live', seq: 4 });
    expect(http.last.query).toEqual({ after: '4', wait: '20', known: 'abd' });
    expect(client.state.outbox).toEqual([]);
  });

  test('a stream whose beginning got through is found out by what it does not show', async () => {
    const client = await live();
    void client.send(vote('a'));
    await pass();
    http.posts[0]!.says({ type: 'ack', ref: http.posts[0]!.body.ref, seq: 5, at: 'now' });
    await pass(4_000);
    expect(http.all[0]!.aborted).toBe(true);
    expect(http.last.query).toEqual({ after: '1', wait: '20' });
    http.last.tells('x', welcome(5), { type: 'events', after: 1, seq: 5, events: [] });
    await pass();
    expect(client.state).toMatchObject({ connection: 'live', seq: 5 });
  });

  test('or by its silence', async () => {
    await live();
    http.last.frames({ type: 'ping' });
    await pass(34_999);
    expect(http.all).toHaveLength(1);
    await pass(1);
    expect(http.last.query.wait).toBe('20');
  });

  test('a stream that shows what was acknowledged stays', async () => {
    const client = await live();
    void client.send(vote('a'));
    await pass();
    http.posts[0]!.says({ type: 'ack', ref: http.posts[0]!.body.ref, seq: 5, at: 'now' });
    http.all[0]!.frames({ type: 'events', after: 1, seq: 5, events: [] });
    await pass(10_000);
    expect(http.all).toHaveLength(2);
  });

  test('an answer without an end is none', async () => {
    visit.setItem('atelier.detour', 'answers');
    const client = room();
    await vi.dynamicImportSettled();
    await pass();
    http.last.opens().frames(welcome(), snapshot()).ends();
    await pass();
    expect(client.state.connection).toBe('reconnecting');
    await pass(250);
    expect(http.last.query).toEqual({ after: '1', wait: '20' });
    http.last.refuses(410, 4004);
    await pass();
    expect(client.state).toMatchObject({ connection: 'closed', closedCode: 4004 });
  });

  test('a slow network is not taken for that, if only because nothing came at all', async () => {
    await around();
    await pass(4_000);
    expect(http.last.query.wait).toBe('20');
    await pass(11_000);
    expect(visit.map.get('atelier.detour')).toBeUndefined();
  });
});

describe('the way back', () => {
  test('is looked for from time to time, and taken when it is free', async () => {
    const client = await live();
    const stream = http.last;
    await pass(30_000);
    expect(FakeSocket.all).toHaveLength(3);
    FakeSocket.last.end(1006);
    stream.frames({ type: 'ping' }, { type: 'events', after: 1, seq: 4, events: [] });
    await pass(30_000);
    stream.frames({ type: 'ping' });
    await pass(29_999);
    expect(FakeSocket.all).toHaveLength(3);
    await pass(1);
    expect(FakeSocket.all).toHaveLength(4);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([{ type: 'hello', token: '' }]);
    expect(client.state.connection).toBe('live');
    FakeSocket.last.end(4001);
    await pass();
    expect(stream.aborted).toBe(true);
    FakeSocket.last.welcome({ seq: 4 });
    expect(FakeSocket.last.sent[0]).toEqual({ type: 'hello', token: 'secret', after: 4 });
    expect(client.state.connection).toBe('live');
    expect(visit.map.has('atelier.detour')).toBe(false);
  });

  test('that turns out to be closed again leads around again', async () => {
    const client = await live();
    await pass(30_000);
    FakeSocket.last.open();
    FakeSocket.last.end(4001);
    await pass();
    FakeSocket.last.end(1006);
    await pass(250);
    http.last.opens().frames(welcome());
    await pass();
    expect(client.state.connection).toBe('live');
    expect(http.all).toHaveLength(2);
  });
});
