/** From what was measured to what is said. */
import { describe, expect, test } from 'vitest';
import { judge, type CheckName, type Trouble, type Verdict, type Who } from '../../src/diagnose/judge';
import type { Facts, SocketFacts } from '../../src/diagnose/measure';
import { report } from '../../src/diagnose/report';

const SOCKET: SocketFacts = {
  openMs: 30,
  echoMs: [20, 21, 22, 20],
  endedMs: null,
  attempt: { arrived: true, upgrade: true, refused: false },
  doorCode: 4001,
};
const GOOD: Facts = {
  online: true,
  https: true,
  host: 'workshop.example',
  server: { status: 200, ours: true, secure: true, trips: [40, 41, 42], skewMs: 120 },
  socket: SOCKET,
  stream: { status: 200, cameMs: [320, 620, 920, 1220, 1520, 1820, 2120, 2420], encoding: '' },
  answer: { status: 200, tookMs: 3_020, complete: true },
  send: { status: 200, arrived: true, authorized: true },
};
const AWAY: Facts = { online: true, https: true, host: 'workshop.example', server: GOOD.server };
const never = { ...SOCKET, openMs: null, echoMs: [] };
const gathered = { status: 200, cameMs: [2_420, 2_421, 2_421, 2_421, 2_422, 2_422, 2_422, 2_423], encoding: '' };
const server = (more: Partial<Facts['server']>): Partial<Facts> => ({ server: { ...GOOD.server, ...more } });

type Case = [name: string, facts: Facts, verdict: Verdict, ...found: [Trouble, Who][]];
const cases: Case[] = [
  ['nothing wrong', GOOD, 'good'],
  [
    'a proxy that drops the Upgrade header',
    { ...GOOD, socket: { ...never, attempt: { arrived: true, upgrade: false, refused: false } } },
    'detour',
    ['socketStripped', 'operator'],
  ],
  [
    'a firewall that stops sockets',
    { ...GOOD, socket: { ...never, attempt: { arrived: false, upgrade: false, refused: false } } },
    'detour',
    ['socketBlocked', 'network'],
  ],
  ['the answer to the upgrade lost', { ...GOOD, socket: never }, 'detour', ['socketLost', 'operator']],
  ['a socket that says nothing', { ...GOOD, socket: { ...SOCKET, echoMs: [] } }, 'detour', ['socketMute', 'network']],
  ['a quiet socket cut off', { ...GOOD, socket: { ...SOCKET, endedMs: 5_030 } }, 'detour', ['socketCut', 'operator']],
  [
    'a rule for one address only',
    { ...GOOD, socket: { ...SOCKET, doorCode: 1006 } },
    'detour',
    ['socketElsewhere', 'operator'],
  ],
  ['buffering, with sockets all right', { ...GOOD, stream: gathered }, 'good', ['streamHeld', 'operator']],
  [
    'buffering, and no sockets',
    { ...GOOD, socket: never, stream: { status: null, cameMs: [], encoding: '' } },
    'slow',
    ['socketLost', 'operator'],
    ['streamHeld', 'operator'],
  ],
  [
    'a filter on streams',
    { ...GOOD, stream: { status: 403, cameMs: [], encoding: '' } },
    'good',
    ['streamBlocked', 'network'],
  ],
  [
    'posts refused, and no sockets',
    { ...GOOD, socket: never, send: { status: 403, arrived: false, authorized: false } },
    'broken',
    ['sendBlocked', 'network'],
    ['socketLost', 'operator'],
  ],
  [
    'Authorization removed',
    { ...GOOD, send: { status: 200, arrived: true, authorized: false } },
    'good',
    ['sendStripped', 'operator'],
  ],
  [
    'waiting cut off',
    { ...GOOD, answer: { status: 504, tookMs: 1_000, complete: false } },
    'good',
    ['answerCut', 'operator'],
  ],
  ['a clock ahead', { ...GOOD, ...server({ skewMs: -90_000 }) }, 'good', ['clockAhead', 'you']],
  ['a clock behind', { ...GOOD, ...server({ skewMs: 90_000 }) }, 'good', ['clockBehind', 'you']],
  ['far away', { ...GOOD, ...server({ trips: [900, 950, 1_000] }) }, 'good', ['far', 'you']],
  [
    'https that the server does not know of',
    { ...GOOD, ...server({ secure: false }) },
    'good',
    ['insecure', 'operator'],
  ],
  [
    'a sign-in page of a Wi-Fi network',
    { ...AWAY, ...server({ status: 0, ours: false, trips: [] }) },
    'broken',
    ['portal', 'you'],
  ],
  [
    'no server behind the proxy',
    { ...AWAY, ...server({ status: 502, ours: false, trips: [] }) },
    'broken',
    ['gateway', 'operator'],
  ],
  ['no answer', { ...AWAY, ...server({ status: null, ours: false, trips: [] }) }, 'broken', ['unreachable', 'you']],
  [
    'no network',
    { ...AWAY, online: false, ...server({ status: null, ours: false, trips: [] }) },
    'broken',
    ['offline', 'you'],
  ],
  ['too many tests', { ...AWAY, ...server({ status: 429, ours: false, trips: [] }) }, 'limited', ['limited', 'you']],
  [
    'too many tests of everybody',
    { ...AWAY, ...server({ status: 503, limited: true, ours: false, trips: [] }) },
    'limited',
    ['limited', 'you'],
  ],
];
const refused = { status: 429, limited: true };
const stopped = { ...never, attempt: { arrived: false, upgrade: false, refused: false } };
const limits: [name: string, facts: Facts, verdict: Verdict, untested: CheckName[], ...others: [Trouble, Who][]][] = [
  [
    'a socket refused by the server',
    { ...GOOD, socket: { ...never, attempt: { arrived: true, upgrade: true, refused: true } } },
    'limited',
    ['socket'],
  ],
  ['what became of a socket not told', { ...GOOD, socket: { ...stopped, limited: true } }, 'limited', ['socket']],
  [
    'a socket refused that was taken apart before',
    { ...GOOD, socket: { ...never, attempt: { arrived: true, upgrade: false, refused: true } } },
    'detour',
    [],
    ['socketStripped', 'operator'],
  ],
  ['a stream refused', { ...GOOD, stream: { ...refused, cameMs: [], encoding: '' } }, 'good', ['stream']],
  ['an answer refused', { ...GOOD, answer: { ...refused, tookMs: 20, complete: false } }, 'good', ['answer']],
  ['a post refused', { ...GOOD, send: { ...refused, arrived: false, authorized: false } }, 'good', ['send']],
  [
    'a stream refused, and sockets stopped',
    { ...GOOD, socket: stopped, stream: { status: 503, limited: true, cameMs: [], encoding: '' } },
    'limited',
    ['stream'],
    ['socketBlocked', 'network'],
  ],
  [
    'an answer refused that does not matter',
    { ...GOOD, socket: stopped, answer: { ...refused, tookMs: 20, complete: false } },
    'detour',
    ['answer'],
    ['socketBlocked', 'network'],
  ],
  [
    'the same from a proxy',
    { ...GOOD, stream: { status: 503, limited: false, cameMs: [], encoding: '' } },
    'good',
    [],
    ['streamBlocked', 'network'],
  ],
];

describe('what is wrong is named, and who can mend it', () => {
  test.each(cases)('%s', (_name, facts, verdict, ...found) => {
    const judgement = judge(facts);
    expect(judgement.findings.map(({ trouble, who }) => [trouble, who])).toEqual(found);
    expect(judgement.verdict).toBe(verdict);
    const untested = facts.server.ours ? [] : ['socket', 'stream', 'answer', 'send', 'clock', 'speed'];
    expect(judgement.checks.filter(({ state }) => state === 'skipped').map(({ name }) => name)).toEqual(untested);
  });

  test.each(limits)(
    "refused by the server is nobody else's fault: %s",
    (_name, facts, verdict, untested, ...others) => {
      const judgement = judge(facts);
      const limited: [Trouble, Who][] = untested.length > 0 ? [['limited', 'you']] : [];
      expect(judgement.findings.map(({ trouble, who }) => [trouble, who])).toEqual([...limited, ...others]);
      expect(judgement.verdict).toBe(verdict);
      expect(judgement.checks.filter(({ state }) => state === 'skipped').map(({ name }) => name)).toEqual(untested);
    },
  );

  test('an operator gets lines to paste', () => {
    const { findings } = judge({
      ...GOOD,
      socket: { ...never, attempt: { arrived: true, upgrade: false, refused: false } },
    });
    expect(findings[0]!.remedy).toContain('proxy_set_header Upgrade $http_upgrade;');
  });
});

test('the report says it all, and no more', () => {
  const page = 'https://workshop.example/diagnose';
  const facts: Facts = { ...GOOD, socket: { ...SOCKET, endedMs: 5_030 } };
  const text = report(facts, judge(facts), page, 'Phone/1', new Date('2026-11-21T10:00:00Z'));
  expect(text).toContain('socketCut');
  expect(text).toContain('cut after 5030 ms');
  expect(text).toMatch(/-0\.1 s ahead of the server/);
  expect(text.split('\n')).toHaveLength(14);
});
