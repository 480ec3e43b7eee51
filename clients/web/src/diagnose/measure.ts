/** Measures the way between this device and the server. Only facts; what they mean is said in judge.ts. */
import { newId, type Attempt, type Diagnosis } from '@atelier/sdk';

export interface ServerFacts {
  /** HTTP status; null: no answer; 0: sent elsewhere. */
  status: number | null;
  /** It was our server that answered. */
  ours: boolean;
  /** It was our server that would not, because too many are testing. Here and below. */
  limited?: boolean;
  /** Does the server know that it is reached over https? */
  secure: boolean;
  /** Milliseconds there and back, in order. */
  trips: number[];
  /** Server time minus device time. */
  skewMs: number;
}

export interface SocketFacts {
  /** Milliseconds until it was open; null: never. */
  openMs: number | null;
  echoMs: number[];
  /** Milliseconds until it ended by itself; null: it did not. */
  endedMs: number | null;
  /** What the server saw of it. */
  attempt: Attempt;
  /** It would not say. */
  limited?: boolean;
  /** How the real address closes a stranger; 4001 came from the server. */
  doorCode: number;
}

export interface StreamFacts {
  status: number | null;
  limited?: boolean;
  /** Milliseconds until each event was here. */
  cameMs: number[];
  /** Something on the way has changed the encoding. */
  encoding: string;
}

export interface AnswerFacts {
  status: number | null;
  limited?: boolean;
  tookMs: number;
  complete: boolean;
}

export interface SendFacts {
  status: number | null;
  limited?: boolean;
  arrived: boolean;
  authorized: boolean;
}

export interface Facts {
  online: boolean;
  https: boolean;
  host: string;
  server: ServerFacts;
  socket?: SocketFacts;
  stream?: StreamFacts;
  answer?: AnswerFacts;
  send?: SendFacts;
}

/** How many events the server sends, and how far apart. */
export const TICKS = 8;
export const TICK = 300;
/** An answer is asked to wait so many seconds. */
export const WAIT = 3;
/** A socket has to stand so much silence. */
export const SILENCE = 7_000;
const TRIPS = 6;
const PATIENCE = 8_000;
const ECHO = 4_000;
const HELD = 12_000;
/** Each time another node may be asked; so many times (ADR 012), so many of them at once. */
const ASK_NODES = 24;
const ASK_AT_ONCE = 4;

/** All facts; `tell` hears of each group as it is known. */
export async function measure(tell: (facts: Facts) => void): Promise<Facts> {
  const { host, protocol } = location;
  const server = await measureServer();
  const facts: Facts = { online: navigator.onLine, https: protocol === 'https:', host, server };
  tell({ ...facts });
  if (!server.ours) return facts;
  const note = async <K extends keyof Facts>(key: K, measured: Promise<Facts[K]>) => {
    facts[key] = await measured;
    tell({ ...facts });
  };
  await Promise.all([
    note('socket', measureSocket()),
    // One after the other: they would hold each other up.
    note('stream', measureStream())
      .then(() => note('answer', measureAnswer()))
      .then(() => note('send', measureSend())),
  ]);
  return facts;
}

async function measureServer(): Promise<ServerFacts> {
  const facts: ServerFacts = { status: null, ours: false, secure: false, trips: [], skewMs: 0 };
  let best = Infinity;
  for (let n = 0; n < TRIPS; n++) {
    const began = performance.now();
    const here = Date.now();
    const response = await get('/api/v1/diagnose');
    if (!response) break;
    facts.status = response.status;
    if (await isLimit(response)) facts.limited = true;
    const told = (await response.json().catch(() => null)) as Partial<Diagnosis> | null;
    if (!response.ok || typeof told?.time !== 'string') break;
    const trip = performance.now() - began;
    facts.ours = true;
    facts.secure = told.secure === true;
    facts.trips.push(Math.round(trip));
    // The quickest one says most about the clock.
    if (trip < best) {
      best = trip;
      facts.skewMs = Math.round(Date.parse(told.time) - (here + trip / 2));
    }
  }
  return facts;
}

async function measureSocket(): Promise<SocketFacts> {
  const probe = newId();
  const [line, doorCode] = await Promise.all([hold(probe), knock()]);
  if (line.openMs !== null) return { ...line, attempt: { arrived: true, upgrade: true, refused: false }, doorCode };
  return { ...line, ...(await findAttempt(probe)), doorCode };
}

/** Only the node that has seen the attempt knows of it, and each question may reach another one. */
export async function findAttempt(probe: string): Promise<Pick<SocketFacts, 'attempt' | 'limited'>> {
  let limited = false;
  const ask = async (): Promise<Attempt | undefined> => {
    const response = await get(`/api/v1/diagnose/sockets/${probe}`);
    if (response && (await isLimit(response))) limited = true;
    const told = (await response?.json().catch(() => null)) as Partial<Attempt> | null;
    return told?.arrived === true
      ? { arrived: true, upgrade: told.upgrade === true, refused: told.refused === true }
      : undefined;
  };
  for (let asked = 0; asked < ASK_NODES && !limited; asked += ASK_AT_ONCE) {
    const told = await Promise.all(Array.from({ length: ASK_AT_ONCE }, ask));
    const attempt = told.find((one) => one !== undefined);
    if (attempt) return { attempt };
  }
  return { attempt: { arrived: false, upgrade: false, refused: false }, limited };
}

function socket(path: string): WebSocket {
  return new WebSocket(`${location.origin.replace('http', 'ws')}${path}`, 'atelier.v1');
}

/** Opens a socket, hears three echoes, is silent for a while, and hears one more. */
function hold(probe: string): Promise<Pick<SocketFacts, 'openMs' | 'echoMs' | 'endedMs'>> {
  return new Promise((resolve) => {
    const line = { openMs: null as number | null, echoMs: [] as number[], endedMs: null as number | null };
    const began = performance.now();
    const since = () => Math.round(performance.now() - began);
    let sent = 0;
    const ws = socket(`/live/diagnose/ws?probe=${probe}`);
    let timer = setTimeout(done, PATIENCE);
    function done(): void {
      clearTimeout(timer);
      ws.onopen = ws.onmessage = ws.onclose = null;
      ws.close();
      resolve(line);
    }
    function ask(): void {
      sent = performance.now();
      ws.send('echo');
      timer = setTimeout(done, ECHO);
    }
    ws.onopen = () => {
      clearTimeout(timer);
      line.openMs = since();
      ask();
    };
    ws.onmessage = () => {
      clearTimeout(timer);
      line.echoMs.push(Math.round(performance.now() - sent));
      if (line.echoMs.length > 3) done();
      else if (line.echoMs.length < 3) ask();
      else timer = setTimeout(ask, SILENCE);
    };
    ws.onclose = () => {
      if (line.openMs !== null) line.endedMs = since();
      done();
    };
  });
}

/** The real address, as a stranger: the server sends strangers away with a code of its own. */
function knock(): Promise<number> {
  return new Promise((resolve) => {
    const ws = socket('/live/ws');
    const timer = setTimeout(() => (resolve(0), ws.close()), PATIENCE);
    ws.onopen = () => ws.send(JSON.stringify({ type: 'hello', token: '', client: 'diagnose' }));
    ws.onclose = ({ code }) => (clearTimeout(timer), resolve(code));
  });
}

async function measureStream(): Promise<StreamFacts> {
  const facts: StreamFacts = { status: null, cameMs: [], encoding: '' };
  const began = performance.now();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), HELD);
  try {
    const response = await request('/live/diagnose/events', { signal: limit.signal });
    facts.status = response.status;
    facts.limited = await isLimit(response);
    facts.encoding = response.headers.get('content-encoding') ?? '';
    const reader = response.ok ? response.body?.getReader() : undefined;
    const decoder = new TextDecoder();
    for (let text = ''; reader;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
      const came = text.split('\ndata: ').length - 1 + (text.startsWith('data: ') ? 1 : 0);
      while (facts.cameMs.length < came) facts.cameMs.push(Math.round(performance.now() - began));
    }
  } catch {
    // What has come until then counts.
  } finally {
    clearTimeout(timer);
  }
  return facts;
}

async function measureAnswer(): Promise<AnswerFacts> {
  const began = performance.now();
  const response = await get(`/live/diagnose/events?wait=${WAIT}`, WAIT * 1_000 + PATIENCE);
  const limited = response && (await isLimit(response));
  const text = await response?.text().catch(() => '');
  const tookMs = Math.round(performance.now() - began);
  return { status: response?.status ?? null, limited, tookMs, complete: text?.includes('"tick":1') === true };
}

async function measureSend(): Promise<SendFacts> {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer diagnose' };
  const body = JSON.stringify({ ref: 1, command: { diagnose: {} } });
  const response = await get('/live/diagnose/commands', PATIENCE, { method: 'POST', headers, body });
  const limited = response && (await isLimit(response));
  const told = (await response?.json().catch(() => null)) as { bytes?: number; authorized?: boolean } | null;
  const arrived = told?.bytes === body.length;
  return { status: response?.status ?? null, limited, arrived, authorized: arrived && told?.authorized === true };
}

/** Is this our server's answer to one test too many? A proxy may say 429 or 503, too, but not in these words. */
export async function isLimit(response: Response): Promise<boolean> {
  if (response.status !== 429 && response.status !== 503) return false;
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return false;
  const problem = (await response
    .clone()
    .json()
    .catch(() => null)) as { code?: unknown } | null;
  return problem?.code === 'rate_limited' || problem?.code === 'unavailable';
}

/** Undefined: no answer in time. */
async function get(path: string, ms = PATIENCE, more: RequestInit = {}): Promise<Response | undefined> {
  const limit = new AbortController();
  setTimeout(() => limit.abort(), ms);
  return request(path, { ...more, signal: limit.signal }).catch(() => undefined);
}

/** A redirection is an answer of somebody else, and shows as status 0. */
function request(path: string, more: RequestInit): Promise<Response> {
  return fetch(path, { cache: 'no-store', credentials: 'same-origin', redirect: 'manual', ...more });
}
