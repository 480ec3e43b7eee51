import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RoomClient, type RoomOptions } from '../src/room';
import { FakeSocket, MemoryStore, sessionState } from './fake';

const vote = (option: string) => ({ vote: { poll: 'p1', round: 1, choice: { options: [option] } } });
const upvote = (question: string) => ({ upvote: { question, on: true } });
const clients: RoomClient[] = [];

function room(options: Partial<RoomOptions> = {}): RoomClient {
  const client = new RoomClient({ url: 'http://host/live/ws', token: 'secret', WebSocket: FakeSocket, ...options });
  clients.push(client);
  return client;
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T12:00:00Z') });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('connecting', () => {
  test('says hello with the token, then is live with the snapshot and the clock', () => {
    const client = room({ client: 'web/1' });
    expect(FakeSocket.last.url).toBe('ws://host/live/ws');
    expect(FakeSocket.last.protocols).toBe('atelier.v1');
    expect(client.state.connection).toBe('connecting');
    FakeSocket.last.welcome({ seq: 130, serverTime: '2026-11-21T12:00:02Z' });
    expect(FakeSocket.last.sent).toEqual([{ type: 'hello', token: 'secret', client: 'web/1' }]);
    expect(client.state).toMatchObject({ connection: 'live', seq: 130, clockOffsetMs: 2000 });
    expect(client.state.polls).toHaveLength(1);
  });

  test('asks for a new token before every connection', async () => {
    let n = 0;
    room({ token: () => Promise.resolve(`ticket-${++n}`) });
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.welcome();
    FakeSocket.last.end(1006);
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]).toMatchObject({ token: 'ticket-2', after: 1 });
  });

  test('a token that cannot be had is tried again, unless it never can', async () => {
    let problem = { code: 'unreachable' };
    const token = vi.fn(() => Promise.reject(problem));
    const client = room({ token });
    await vi.advanceTimersByTimeAsync(300);
    expect(token).toHaveBeenCalledTimes(2);
    problem = { code: 'unauthenticated' };
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.state).toMatchObject({ connection: 'closed', closedCode: 4001 });
  });

  test('answers ping with pong', () => {
    room();
    FakeSocket.last.welcome();
    FakeSocket.last.frame({ type: 'ping' });
    expect(FakeSocket.last.sent.at(-1)).toEqual({ type: 'pong' });
  });

  test('survives frames that are no JSON', () => {
    const client = room();
    FakeSocket.last.welcome();
    FakeSocket.last.raw('{');
    expect(client.state.connection).toBe('live');
  });

  test('gives up a connection that does not open within 5 s', () => {
    room();
    vi.advanceTimersByTime(4_999);
    expect(FakeSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(252);
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.all[0]!.closed).toBe(true);
  });
});

describe('reconnecting', () => {
  test('resumes after the number held', () => {
    const client = room();
    FakeSocket.last.welcome({ seq: 7 });
    FakeSocket.last.frame({ type: 'events', after: 7, seq: 9, events: [] });
    FakeSocket.last.end(1006);
    expect(client.state.connection).toBe('reconnecting');
    vi.advanceTimersByTime(250);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]).toMatchObject({ type: 'hello', after: 9 });
    FakeSocket.last.frame({
      type: 'welcome',
      seq: 9,
      you: client.state.you!,
      serverTime: new Date().toISOString(),
      heartbeat: 25,
      resumed: true,
    });
    expect(client.state).toMatchObject({ connection: 'live', seq: 9 });
  });

  test('waits a random part of a growing time after 4100s', () => {
    room();
    FakeSocket.last.welcome();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const count = FakeSocket.all.length;
      FakeSocket.last.end(4100);
      let waited = 0;
      while (FakeSocket.all.length === count) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
  });

  test('comes back within a moment of its own after 4200s, but not in a tight loop', () => {
    const client = room();
    for (const part of [0.2, 0.9]) {
      vi.mocked(Math.random).mockReturnValue(part);
      FakeSocket.last.welcome();
      const count = FakeSocket.all.length;
      FakeSocket.last.end(4200);
      expect(client.state.connection).toBe('reconnecting');
      vi.advanceTimersByTime(part * 250 - 1);
      expect(FakeSocket.all).toHaveLength(count);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(count + 1);
    }
    vi.mocked(Math.random).mockReturnValue(0.5);
    FakeSocket.last.end(4200);
    vi.advanceTimersByTime(249);
    expect(FakeSocket.all).toHaveLength(3);
    vi.advanceTimersByTime(1);
    expect(FakeSocket.all).toHaveLength(4);
  });

  test.each([4001, 4003, 4004, 4009])('never after %i', (code) => {
    const client = room();
    FakeSocket.last.welcome();
    FakeSocket.last.end(code);
    vi.advanceTimersByTime(600_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(client.state).toMatchObject({ connection: 'closed', closedCode: code });
  });

  test('the watchdog ends a line that is silent for two heartbeats', () => {
    const client = room();
    FakeSocket.last.welcome({ heartbeat: 10 });
    vi.advanceTimersByTime(19_000);
    FakeSocket.last.frame({ type: 'ping' });
    vi.advanceTimersByTime(19_999);
    expect(client.state.connection).toBe('live');
    vi.advanceTimersByTime(1);
    expect(client.state.connection).toBe('reconnecting');
    expect(FakeSocket.all[0]!.closed).toBe(true);
    vi.advanceTimersByTime(250);
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('an abandoned socket has no say any more', () => {
    const client = room();
    const old = FakeSocket.last;
    old.welcome({ heartbeat: 10 });
    const { onmessage, onclose } = old;
    vi.advanceTimersByTime(20_250);
    FakeSocket.last.welcome({ heartbeat: 10 });
    onmessage?.({ data: JSON.stringify({ type: 'presence', online: 99 }) } as never);
    onclose?.({ code: 4003 } as never);
    expect(client.state).toMatchObject({ connection: 'live', online: 0 });
  });

  test('a gap in the events makes it begin again from what is held', () => {
    room();
    FakeSocket.last.welcome({ seq: 5 });
    FakeSocket.last.frame({ type: 'events', after: 8, seq: 9, events: [] });
    FakeSocket.last.open();
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.last.sent[0]).toMatchObject({ after: 5 });
  });

  describe('with a page around it', () => {
    const page = new EventTarget();
    beforeEach(() => {
      vi.stubGlobal('document', Object.assign(page, { visibilityState: 'visible' }));
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
      vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    });
    afterEach(() => vi.unstubAllGlobals());

    test.each(['visibilitychange', 'pageshow', 'online'])('%s ends the waiting', (event) => {
      const client = room();
      for (let i = 0; i < 6; i++) {
        FakeSocket.last.end(1006);
        vi.advanceTimersByTime(i < 5 ? 16_000 : 0);
      }
      const count = FakeSocket.all.length;
      page.dispatchEvent(new Event(event));
      expect(FakeSocket.all).toHaveLength(count + 1);
      client.close();
      page.dispatchEvent(new Event(event));
      expect(FakeSocket.all).toHaveLength(count + 1);
    });

    test('coming to the front keeps a fresh line and replaces one that slept', () => {
      room();
      FakeSocket.last.welcome({ heartbeat: 25 });
      page.dispatchEvent(new Event('visibilitychange'));
      expect(FakeSocket.all).toHaveLength(1);
      vi.setSystemTime(Date.now() + 31_000);
      page.dispatchEvent(new Event('visibilitychange'));
      expect(FakeSocket.all).toHaveLength(2);
    });
  });
});

describe('sending', () => {
  test('resolves with the receipt, rejects with the refusal', async () => {
    const client = room();
    FakeSocket.last.welcome();
    const first = client.send(vote('a'));
    const second = client.send(upvote('q1'));
    const [one, two] = FakeSocket.last.commands();
    expect(client.state.outbox.map((i) => i.status)).toEqual(['sending', 'sending']);
    FakeSocket.last.frame({ type: 'ack', ref: one!.ref, seq: 4, at: '2026-11-21T12:03:07Z' });
    FakeSocket.last.frame({ type: 'refused', ref: two!.ref, code: 'own_question', message: 'No.' });
    await expect(first).resolves.toEqual({ ref: one!.ref, seq: 4, at: '2026-11-21T12:03:07Z' });
    await expect(second).rejects.toMatchObject({ code: 'own_question', message: 'No.' });
    expect(client.state.outbox).toMatchObject([
      { status: 'recorded', at: '2026-11-21T12:03:07Z' },
      { status: 'refused', code: 'own_question' },
    ]);
    vi.advanceTimersByTime(10_000);
    expect(client.state.outbox).toEqual([]);
  });

  test('what is unanswered goes out again in order after a reconnect, once', async () => {
    const client = room();
    const sent = [client.send(upvote('q1')), client.send(upvote('q2')), client.send(upvote('q3'))];
    expect(FakeSocket.last.commands()).toEqual([]);
    FakeSocket.last.welcome();
    const refs = FakeSocket.last.commands().map((c) => c.ref);
    expect(new Set(refs).size).toBe(3);
    FakeSocket.last.frame({ type: 'ack', ref: refs[1]!, seq: 2, at: 'now' });
    FakeSocket.last.end(1006);
    vi.advanceTimersByTime(250);
    FakeSocket.last.welcome();
    expect(FakeSocket.last.commands().map((c) => c.ref)).toEqual([refs[0], refs[2]]);
    for (const ref of refs) FakeSocket.last.frame({ type: 'ack', ref, seq: 3, at: 'now' });
    await expect(Promise.all(sent)).resolves.toHaveLength(3);
  });

  test('every command says up to where the session is known', () => {
    const client = room();
    FakeSocket.last.welcome({ seq: 7 });
    const known = () => FakeSocket.last.commands().at(-1)!.after;
    void client.send(upvote('q1'));
    expect(known()).toBe(7);
    FakeSocket.last.frame({ type: 'events', after: 7, seq: 9, events: [] });
    void client.send(upvote('q2'));
    expect(known()).toBe(9);
    FakeSocket.last.frame({ type: 'ack', ref: FakeSocket.last.commands()[1]!.ref, seq: 12, at: 'now' });
    void client.send(upvote('q3'));
    expect(known()).toBe(12);
    // Not what was known when it was sent first.
    FakeSocket.last.end(1006);
    vi.advanceTimersByTime(250);
    FakeSocket.last.welcome({ seq: 20 });
    expect(FakeSocket.last.commands().map((c) => c.after)).toEqual([20, 20]);
  });

  test('a second vote in the same poll waits for the answer to the first', () => {
    const client = room();
    FakeSocket.last.welcome();
    void client.send(vote('a'));
    void client.send(vote('b'));
    void client.send(upvote('q1'));
    expect(FakeSocket.last.commands().map((c) => c.command)).toEqual([vote('a'), upvote('q1')]);
    const { ref } = FakeSocket.last.commands()[0]!;
    FakeSocket.last.frame({ type: 'retry', ref, code: 'unavailable', afterMs: 800 });
    vi.advanceTimersByTime(799);
    expect(FakeSocket.last.commands()).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(FakeSocket.last.commands()[2]).toMatchObject({ ref, command: vote('a') });
    FakeSocket.last.frame({ type: 'ack', ref, seq: 2, at: 'now' });
    expect(FakeSocket.last.commands()[3]).toMatchObject({ command: vote('b') });
  });

  test('a vote made offline is sent after a reload', () => {
    const storage = new MemoryStore();
    const before = room({ storage, storageKey: 'k' });
    before.send(vote('a')).catch(() => {});
    before.close();

    const after = room({ storage, storageKey: 'k' });
    expect(after.state.outbox).toMatchObject([{ status: 'sending', command: vote('a') }]);
    FakeSocket.last.welcome();
    const [again] = FakeSocket.last.commands();
    expect(again!.command).toEqual(vote('a'));
    void after.send(upvote('q1'));
    expect(FakeSocket.last.commands()[1]!.ref).not.toBe(again!.ref);
    for (const { ref } of FakeSocket.last.commands()) FakeSocket.last.frame({ type: 'ack', ref, seq: 2, at: 'now' });
    expect(storage.map.size).toBe(0);
  });

  test('two tabs with one storage do not lose each other’s actions', () => {
    const storage = new MemoryStore();
    const one = room({ storage, storageKey: 'k' });
    const two = room({ storage, storageKey: 'k' });
    one.send(upvote('q1')).catch(() => {});
    two.send(upvote('q2')).catch(() => {});
    expect(JSON.parse(storage.getItem('k')!)).toHaveLength(2);
  });

  test('waiting actions survive a refused token but not a removal', async () => {
    for (const [code, left] of [
      [4001, 1],
      [4003, 0],
    ] as const) {
      const storage = new MemoryStore();
      const client = room({ storage });
      FakeSocket.last.welcome();
      const lost = client.send(vote('a'));
      FakeSocket.last.end(code);
      await expect(lost).rejects.toMatchObject({ code: code === 4001 ? 'unauthenticated' : 'removed' });
      await expect(client.send(vote('b'))).rejects.toMatchObject({
        code: code === 4001 ? 'unauthenticated' : 'removed',
      });
      expect(storage.map.size).toBe(left);
    }
  });

  test('a storage that throws or holds nonsense costs nothing but itself', () => {
    const storage = {
      getItem: () => '{nonsense',
      setItem: () => {
        throw new Error('full');
      },
      removeItem: () => {},
    };
    const client = room({ storage });
    void client.send(vote('a')).catch(() => {});
    FakeSocket.last.welcome();
    expect(FakeSocket.last.commands()).toHaveLength(1);
  });
});

test('listeners hear every change until they stop', () => {
  const client = room();
  const heard = vi.fn();
  const stop = client.subscribe(heard);
  FakeSocket.last.welcome({}, sessionState());
  const count = heard.mock.calls.length;
  expect(count).toBeGreaterThan(0);
  const before = client.state;
  FakeSocket.last.frame({ type: 'presence', online: 3 });
  expect(client.state).not.toBe(before);
  expect(heard).toHaveBeenCalledTimes(count + 1);
  stop();
  FakeSocket.last.frame({ type: 'presence', online: 4 });
  expect(heard).toHaveBeenCalledTimes(count + 1);
});
