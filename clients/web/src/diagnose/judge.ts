/** From facts to plain words: how it goes, what is wrong, and who can do something about it. Pure. */
import { TICK, TICKS, type Facts, type ServerFacts, type SocketFacts, type StreamFacts } from './measure';

/** Best first: at once; around; around, asking again and again; not at all. Limited: the server would not test enough. */
export type Verdict = 'good' | 'detour' | 'slow' | 'broken' | 'limited';
export type Who = 'you' | 'network' | 'operator';
export type State = 'ok' | 'note' | 'bad' | 'open' | 'skipped';
export type CheckName = 'reach' | 'socket' | 'stream' | 'answer' | 'send' | 'clock' | 'speed';

/** One line of the list. */
export interface Check {
  name: CheckName;
  state: State;
  /** What was measured, as parameters of the line's text. */
  values: Record<string, number>;
}

export type Trouble =
  | 'offline'
  | 'unreachable'
  | 'portal'
  | 'gateway'
  | 'limited'
  | 'socketStripped'
  | 'socketLost'
  | 'socketBlocked'
  | 'socketMute'
  | 'socketCut'
  | 'socketElsewhere'
  | 'streamHeld'
  | 'streamBlocked'
  | 'answerCut'
  | 'sendBlocked'
  | 'sendStripped'
  | 'clockAhead'
  | 'clockBehind'
  | 'far'
  | 'insecure';

export interface Finding {
  trouble: Trouble;
  who: Who;
  /** Lines for the configuration of a proxy. */
  remedy?: string;
  params: Record<string, string | number>;
}

export interface Judgement {
  verdict: Verdict;
  /** The most important one first. */
  findings: Finding[];
  checks: Check[];
}

/** A clock that is further off than this is worth a word. */
const SKEW = 20_000;
/** A way that takes longer feels slow. */
const SLOW = 800;

const UPGRADE = `location /live/ {
  proxy_pass http://atelier;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade";
}`;
const BUFFERING = `location /live/ {
  proxy_pass http://atelier;
  proxy_buffering off;
}`;
const TIMEOUTS = `location /live/ {
  proxy_pass http://atelier;
  proxy_read_timeout 80s;
}`;
const FORWARDED = `proxy_set_header X-Forwarded-Proto $scheme;
# and for Atelier:
ATELIER_TRUSTED_PROXIES=<address of the proxy>`;

export function judge(facts: Facts): Judgement {
  const found: Finding[] = [];
  const find = (trouble: Trouble, who: Who, params: Finding['params'] = {}, remedy?: string) =>
    found.push({ trouble, who, params: { host: facts.host, ...params }, ...(remedy ? { remedy } : {}) });
  const checks = checksOf(facts);
  if (!facts.server.ours) {
    findServer(facts, find);
    return { verdict: serverLimits(facts.server) ? 'limited' : 'broken', findings: found, checks };
  }
  const state = (name: CheckName) => checks.find((check) => check.name === name)!.state;
  const works = (name: CheckName) => state(name) === 'ok';
  const failed = (name: CheckName) => !works(name) && state(name) !== 'skipped';
  // What was not tested may work or not: if that makes a difference, nobody knows.
  const [best, worst] = [verdictOf((name) => !failed(name)), verdictOf(works)];
  const verdict = best === worst ? best : 'limited';
  if (checks.some((check) => check.state === 'skipped')) find('limited', 'you');
  if (facts.send && failed('send')) {
    if (facts.send.arrived) find('sendStripped', 'operator');
    else find('sendBlocked', 'network', { status: facts.send.status ?? 0 });
  }
  if (facts.socket && failed('socket')) findSocket(facts.socket, find);
  if (facts.stream && failed('stream')) {
    if (heldBack(facts.stream)) find('streamHeld', 'operator', {}, BUFFERING);
    else find('streamBlocked', 'network', { status: facts.stream.status ?? 0 });
  }
  if (facts.answer && failed('answer')) find('answerCut', 'operator', {}, TIMEOUTS);
  if (!works('clock')) {
    const { skewMs } = facts.server;
    find(skewMs < 0 ? 'clockAhead' : 'clockBehind', 'you', { seconds: Math.round(Math.abs(skewMs) / 1_000) });
  }
  if (!works('speed')) find('far', 'you', { ms: median(facts.server.trips) });
  if (facts.https && !facts.server.secure) find('insecure', 'operator', {}, FORWARDED);
  return { verdict, findings: found, checks };
}

function verdictOf(works: (name: CheckName) => boolean): Verdict {
  if (works('socket')) return 'good';
  if (!works('send')) return 'broken';
  return works('stream') ? 'detour' : works('answer') ? 'slow' : 'broken';
}

type Find = (trouble: Trouble, who: Who, params?: Finding['params'], remedy?: string) => void;

function findServer({ online, server }: Facts, find: Find): void {
  const { status } = server;
  if (status === null) find(online ? 'unreachable' : 'offline', 'you');
  else if (serverLimits(server)) find('limited', 'you');
  else if (status >= 500) find('gateway', 'operator', { status });
  else find('portal', 'you', { status });
}

function serverLimits({ status, limited }: ServerFacts): boolean {
  return status === 429 || limited === true;
}

/** It was the server that would not have the socket, or not say what became of it. */
export function socketLimited({ openMs, attempt, limited }: SocketFacts): boolean {
  if (openMs !== null) return false;
  return attempt.arrived ? attempt.upgrade && attempt.refused : limited === true;
}

function findSocket(socket: SocketFacts, find: Find): void {
  const { openMs, echoMs, endedMs, attempt } = socket;
  if (openMs === null) {
    if (!attempt.arrived) find('socketBlocked', 'network');
    else if (!attempt.upgrade) find('socketStripped', 'operator', {}, UPGRADE);
    else find('socketLost', 'operator', {}, UPGRADE);
  } else if (endedMs !== null) {
    find('socketCut', 'operator', { seconds: Math.max(1, Math.round((endedMs - openMs) / 1_000)) }, TIMEOUTS);
  } else if (echoMs.length < 4) {
    find('socketMute', 'network');
  } else {
    find('socketElsewhere', 'operator', {}, UPGRADE);
  }
}

/** The events left the server one by one, and came together. */
export function heldBack({ status, cameMs }: StreamFacts): boolean {
  // Held until the end, and longer than we waited.
  if (cameMs.length === 0) return status === null || status === 200;
  return cameMs.length > 1 && cameMs.at(-1)! - cameMs[0]! < ((cameMs.length - 1) * TICK) / 2;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The lines of the list, as far as they are known. */
export function checksOf(facts: Facts | null): Check[] {
  const server = facts?.server;
  const rest: State = server && !server.ours ? 'skipped' : 'open';
  const check = (
    name: CheckName,
    good: boolean | undefined,
    values: Check['values'],
    otherwise: State,
    limited?: boolean,
  ): Check => ({ name, state: limited ? 'skipped' : good === undefined ? rest : good ? 'ok' : otherwise, values });
  const { socket, stream, answer, send } = facts ?? {};
  const ms = median(server?.trips ?? []);
  const known = server?.ours ? server : undefined;
  const reach = check('reach', server?.ours, { status: server?.status ?? 0 }, 'bad');
  return [
    server ? reach : { ...reach, state: 'open' },
    check('socket', socket && socketWorks(socket), socketValues(socket), 'bad', socket && socketLimited(socket)),
    check(
      'stream',
      stream && stream.cameMs.length === TICKS && !heldBack(stream),
      streamValues(stream),
      'bad',
      stream?.limited,
    ),
    check('answer', answer?.complete, { seconds: (answer?.tookMs ?? 0) / 1_000 }, 'bad', answer?.limited),
    check('send', send && send.arrived && send.authorized, { status: send?.status ?? 0 }, 'bad', send?.limited),
    check('clock', known && Math.abs(known.skewMs) < SKEW, { seconds: Math.abs(known?.skewMs ?? 0) / 1_000 }, 'note'),
    check('speed', known && ms < SLOW, { ms }, 'note'),
  ];
}

function socketWorks({ openMs, echoMs, endedMs, doorCode }: SocketFacts): boolean {
  return openMs !== null && endedMs === null && echoMs.length > 3 && doorCode === 4001;
}

function socketValues(socket: SocketFacts | undefined): Check['values'] {
  return { ms: median(socket?.echoMs ?? []), open: socket?.openMs ?? 0 };
}

function streamValues(stream: StreamFacts | undefined): Check['values'] {
  return { count: stream?.cameMs.length ?? 0, ms: stream?.cameMs[0] ?? 0 };
}
