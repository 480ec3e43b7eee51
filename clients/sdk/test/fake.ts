/** A WebSocket in memory, and views to put into frames. */
import type {
  ClientMessage,
  PollView,
  QuestionView,
  ServerMessage,
  SessionState,
  SessionView,
  You,
} from '../src/protocol';
import type { Socket } from '../src/room';

export class FakeSocket implements Socket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }
  readyState = 0;
  sent: ClientMessage[] = [];
  closed = false;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols?: string | string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientMessage);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  frame(...frames: ServerMessage[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  raw(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  /** The other side closes, or the line breaks (1006). */
  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code } as never);
  }

  /** Opens and lets the client in. */
  welcome(
    given: Partial<Extract<ServerMessage, { type: 'welcome' }>> = {},
    state: SessionState | null = sessionState(),
  ): void {
    this.open();
    const serverTime = new Date().toISOString();
    this.frame({ type: 'welcome', seq: 1, you: you(), serverTime, heartbeat: 25, resumed: false, ...given });
    if (state) this.frame({ type: 'snapshot', seq: given.seq ?? 1, state });
  }

  commands() {
    return this.sent.flatMap((m) => (m.type === 'do' ? [m] : []));
  }
}

export class MemoryStore {
  map = new Map<string, string>();
  getItem = (key: string) => this.map.get(key) ?? null;
  setItem = (key: string, value: string) => void this.map.set(key, value);
  removeItem = (key: string) => void this.map.delete(key);
}

const T0 = '2026-11-21T12:00:00Z';

export const you = (given: Partial<You> = {}): You => ({
  participant: 'me',
  name: null,
  number: 12,
  role: 'participant',
  rights: [],
  handRaisedAt: null,
  votes: [],
  upvoted: [],
  questions: [],
  ...given,
});

export const session = (given: Partial<SessionView> = {}): SessionView => ({
  id: 'session',
  settings: {
    title: 'Postgres in anger',
    description: null,
    scheduledStart: T0,
    scheduledEnd: '2026-11-21T13:00:00Z',
    maxParticipants: 50,
    needsName: false,
    polls: { enabled: true, maxOpen: 1 },
    qa: { enabled: true, preModerated: false, anonymousAllowed: true, upvotes: true },
  },
  status: 'active',
  locked: false,
  startedAt: T0,
  endedAt: null,
  pausedAt: null,
  ...given,
});

export const poll = (given: Partial<PollView> = {}): PollView => ({
  id: 'p1',
  question: 'What next?',
  kind: 'single',
  options: [
    { id: 'a', label: 'Pair on the hardest exercise' },
    { id: 'b', label: 'Walk through the solutions' },
    { id: 'c', label: 'Open questions' },
  ],
  minChoices: 1,
  maxChoices: 1,
  lowLabel: null,
  highLabel: null,
  visibility: 'always',
  revealed: false,
  allowChange: true,
  seconds: null,
  status: 'open',
  position: 0,
  round: 1,
  openedAt: T0,
  closedAt: null,
  timer: null,
  tally: null,
  past: [],
  ...given,
});

export const question = (given: Partial<QuestionView> = {}): QuestionView => ({
  id: 'q1',
  body: 'How do we roll back?',
  author: { name: 'Noor', number: 3 },
  status: 'open',
  archived: false,
  starred: false,
  upvotes: 0,
  answer: null,
  askedAt: T0,
  answeredAt: null,
  ...given,
});

export const tally = (version: number, counts: number[], round = 1) => ({
  round,
  version,
  voters: counts.reduce((a, b) => a + b, 0),
  counts,
  texts: [],
});

export const sessionState = (given: Partial<SessionState> = {}): SessionState => ({
  session: session(),
  stage: { show: { lobby: {} }, highlighted: null },
  polls: [poll()],
  questions: [],
  people: [],
  ...given,
});
