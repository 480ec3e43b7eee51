/** Fakes for the studio's component tests: a room that records commands, an API, and believable entities. */
import axe from 'axe-core';
import {
  EMPTY,
  Refused,
  type Account,
  type Code,
  type Command,
  type Integrity,
  type LiveSession,
  type PersonView,
  type PollView,
  type QuestionView,
  type RoomState,
  type SessionView,
} from '@atelier/sdk';
import type { Room } from '../console/desk.svelte';
import type { StudioApi } from '../lib/api';

// jsdom has no modal dialogs; this is as much of them as the components need.
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.setAttribute('open', '');
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.removeAttribute('open');
};

// What jsdom does not draw or scroll, and the width of a desk.
window.scrollTo = () => undefined;
HTMLCanvasElement.prototype.getContext = (() => null) as typeof HTMLCanvasElement.prototype.getContext;
window.innerWidth = 1440;

export class FakeRoom implements Room {
  state: RoomState;
  sent: Command[] = [];
  /** The next command is refused with this code. */
  refuse: Code | null = null;
  closed = false;
  #listeners = new Set<() => void>();

  constructor(state: Partial<RoomState> = {}) {
    this.state = {
      ...EMPTY,
      connection: 'live',
      seq: 1,
      session: session(),
      stage: { show: { lobby: {} }, highlighted: null },
      you: you(),
      ...state,
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(command: Command) {
    this.sent.push(command);
    if (this.refuse) return Promise.reject(new Refused(this.refuse, 'refused'));
    return Promise.resolve({ ref: this.sent.length, seq: 1 + this.sent.length, at: AT });
  }

  close(): void {
    this.closed = true;
  }

  /** What the server says next. */
  now(change: Partial<RoomState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

export const AT = '2026-05-04T10:00:00Z';

export function you(): NonNullable<RoomState['you']> {
  return {
    participant: 'host',
    name: 'Mira',
    number: 1,
    role: 'instructor',
    rights: [],
    handRaisedAt: null,
    votes: [],
    upvoted: [],
    questions: [],
  };
}

export function integrity(change: Partial<Integrity> = {}): Integrity {
  return {
    joined: 1,
    connected: 1,
    poll: null,
    answered: 0,
    unanswered: 0,
    refusedDuplicates: 0,
    noInstructor: false,
    ...change,
  };
}

export function session(change: Partial<SessionView> = {}): SessionView {
  return {
    id: 's1',
    settings: {
      title: 'Locks',
      description: null,
      scheduledStart: AT,
      scheduledEnd: '2026-05-04T11:00:00Z',
      maxParticipants: 50,
      needsName: false,
      polls: { enabled: true, maxOpen: 1 },
      qa: { enabled: true, preModerated: true, anonymousAllowed: true, upvotes: true },
    },
    status: 'active',
    locked: false,
    startedAt: AT,
    endedAt: null,
    pausedAt: null,
    ...change,
  };
}

export function poll(change: Partial<PollView> = {}): PollView {
  return {
    id: 'p1',
    question: 'Tea or coffee?',
    kind: 'single',
    options: [
      { id: 'a', label: 'Tea' },
      { id: 'b', label: 'Coffee' },
    ],
    minChoices: 1,
    maxChoices: 1,
    lowLabel: null,
    highLabel: null,
    visibility: 'afterClose',
    revealed: false,
    allowChange: true,
    seconds: null,
    status: 'draft',
    position: 0,
    round: 1,
    openedAt: null,
    closedAt: null,
    timer: null,
    tally: null,
    past: [],
    ...change,
  };
}

export function question(id: string, body: string, change: Partial<QuestionView> = {}): QuestionView {
  return {
    id,
    body,
    author: { name: 'Noor', number: 3 },
    status: 'open',
    archived: false,
    starred: false,
    upvotes: 0,
    answer: null,
    askedAt: AT,
    answeredAt: null,
    ...change,
  };
}

export function person(id: string, name: string | null, change: Partial<PersonView> = {}): PersonView {
  return {
    id,
    name,
    number: 7,
    role: 'participant',
    rights: [],
    joinedAt: AT,
    leftAt: null,
    handRaisedAt: null,
    removedAt: null,
    banned: false,
    ...change,
  };
}

export function live(change: Partial<LiveSession> = {}): LiveSession {
  return {
    id: 's1',
    joinCode: 'K7Q2MP',
    title: 'Locks',
    description: null,
    status: 'scheduled',
    scheduledStart: AT,
    scheduledEnd: '2026-05-04T11:00:00Z',
    actualStart: null,
    actualEnd: null,
    maxParticipants: 50,
    needsName: false,
    features: [],
    instructorId: 'u1',
    participantCount: 0,
    createdAt: AT,
    ...change,
  };
}

export const account: Account = {
  user: { id: 'u1', email: 'mira@example.org', firstName: 'Mira', lastName: 'Okafor', displayName: 'Mira Okafor' },
  organization: { id: 'o1', name: 'Nordlicht', slug: 'nordlicht' },
  permissions: ['live.create'],
};

/** An API in which every call fails, unless it is given. */
export function api(given: Partial<StudioApi> = {}): StudioApi {
  const missing = (name: string) => () => Promise.reject(new Error(`${name} was not expected`));
  return new Proxy(given, {
    get: (target, name: string) => target[name as keyof StudioApi] ?? missing(name),
  }) as StudioApi;
}

/** The rules a page breaks, as axe names them; colours need a real browser. */
export async function breaches(): Promise<string[]> {
  const found = await axe.run(document.body, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    rules: {
      'color-contrast': { enabled: false },
      region: { enabled: false },
      'page-has-heading-one': { enabled: false },
    },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}
