/** A workshop through the SDK: what a test needs to be there before somebody looks at it in a browser. */
import { execFileSync } from 'node:child_process';
import {
  Api,
  join,
  newId,
  RoomClient,
  type Account,
  type Command,
  type LiveSession,
  type NewLiveSession,
  type PollDraft,
  type PollKind,
  type PollView,
  type RoomState,
  type SocketClass,
} from '../../../sdk/src/index';
import { WebSocket } from 'ws';

export const PASSWORD = 'correct horse battery';
const sockets = WebSocket as unknown as SocketClass;
let counter = 0;

export function freshEmail(): string {
  counter += 1;
  return `host-${process.pid}-${Date.now()}-${counter}@atelier.example`;
}

/** Waits until the room is so. */
export function until(room: RoomClient, so: (state: RoomState) => boolean, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!so(room.state)) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(() => (stop(), reject(new Error(`never so: ${what}`))), 20_000);
    const stop = room.subscribe(look);
    look();
  });
}

/** A draft from a few words; options are plain labels. */
export function draft(kind: PollKind, question: string, options: string[] = [], more: Partial<PollDraft> = {}) {
  const labels = kind === 'rating' && options.length === 0 ? ['1', '2', '3', '4', '5'] : options;
  const base: PollDraft = { question, kind, allowChange: true, visibility: 'always', ...more };
  if (labels.length > 0) base.options = labels.map((label) => ({ id: newId(), label }));
  if (kind === 'wordCloud') base.maxChoices ??= 3;
  return base;
}

/** Somebody who came in with a code. */
export class Guest {
  constructor(
    readonly room: RoomClient,
    readonly token: string,
    readonly id: string,
  ) {}

  vote(poll: string, choice: number | number[] | string | string[]): Promise<unknown> {
    const view = this.room.state.polls.find((p) => p.id === poll)!;
    const list = Array.isArray(choice) ? choice : [choice];
    const numbers = list.filter((x) => typeof x === 'number');
    const texts = list.filter((x) => typeof x === 'string');
    const answer =
      view.kind === 'openText'
        ? { text: texts[0]! }
        : view.kind === 'wordCloud'
          ? { words: texts }
          : { options: numbers.map((i) => view.options[i]!.id) };
    return this.room.send({ vote: { poll, round: view.round, choice: answer } });
  }

  until(so: (state: RoomState) => boolean): Promise<void> {
    return until(this.room, so, 'a guest has heard');
  }

  async ask(body: string, anonymous = false): Promise<string> {
    const question = newId();
    await this.room.send({ ask: { question, body, anonymous } });
    return question;
  }
}

/** A session with its host. */
export class Stage {
  constructor(
    readonly base: string,
    readonly session: LiveSession,
    readonly host: RoomClient,
    private readonly keep: (room: RoomClient) => void,
  ) {}

  get code(): string {
    return this.session.joinCode;
  }

  do(command: Command): Promise<unknown> {
    return this.host.send(command);
  }

  async begin(): Promise<void> {
    await this.do({ start: {} });
    await this.do({ go: {} });
  }

  async poll(what: PollDraft, open = false): Promise<string> {
    const poll = newId();
    await this.do({ createPoll: { poll, draft: what } });
    if (open) await this.open(poll);
    return poll;
  }

  async open(poll: string): Promise<void> {
    await this.do({ openPoll: { poll, seconds: null } });
    await this.do({ show: { stage: { poll: { poll } } } });
  }

  view(poll: string): PollView {
    return this.host.state.polls.find((p) => p.id === poll)!;
  }

  async guest(name?: string): Promise<Guest> {
    const joined = await join({ base: `${this.base}/api/v1` }, this.code, name);
    const room = new RoomClient({ url: `${this.base}/live/ws`, token: joined.token, WebSocket: sockets });
    this.keep(room);
    await until(room, (state) => state.connection === 'live', 'a guest is live');
    return new Guest(room, joined.token, joined.participantId);
  }

  guests(names: readonly string[]): Promise<Guest[]> {
    return Promise.all(names.map((name) => this.guest(name)));
  }
}

/** Somebody who signs in. */
export interface Person {
  readonly email: string;
  readonly account: Account;
}

/** An organization of its own for each test; whoever made it is Ada. */
export class Workshop implements Person {
  readonly #rooms: RoomClient[] = [];

  private constructor(
    readonly base: string,
    readonly api: Api,
    readonly account: Account,
    readonly email: string,
  ) {}

  static async open(base: string, organizationName = 'Lindqvist Workshops'): Promise<Workshop> {
    const email = freshEmail();
    const rest = { base: `${base}/api/v1` };
    const name = { firstName: 'Ada', lastName: 'Lindqvist', organizationName };
    await new Api(rest).register({ email, password: PASSWORD, ...name });
    const account = await new Api(rest).login({ email, password: PASSWORD });
    if (!account.token) throw new Error('a login without a token');
    return new Workshop(base, new Api({ ...rest, token: account.token }), account, email);
  }

  /** Somebody else of the same organization. There is no page for this yet, so the database is told. */
  async colleague(firstName: string, lastName: string, role = 'org_admin'): Promise<Person> {
    const email = freshEmail();
    const rest = { base: `${this.base}/api/v1` };
    const { user } = await new Api(rest).register({
      email,
      password: PASSWORD,
      firstName,
      lastName,
      organizationName: lastName,
    });
    const organizationId = this.account.organization.id;
    const sql = `WITH m AS (INSERT INTO memberships (organization_id, user_id)
        VALUES ('${organizationId}', '${user.id}') RETURNING id)
      INSERT INTO membership_roles (organization_id, membership_id, role_id)
      SELECT '${organizationId}', m.id, r.id FROM m, roles r WHERE r.key = '${role}' AND r.is_system`;
    execFileSync('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-c', sql, process.env.DATABASE_URL!]);
    const account = await new Api(rest).login({ email, password: PASSWORD, organizationId });
    return { email, account };
  }

  async stage(plan: Partial<NewLiveSession> & { title: string }): Promise<Stage> {
    const session = await this.api.createLiveSession(plan);
    const token = async () => (await this.api.ticket(session.id)).token;
    const host = new RoomClient({ url: `${this.base}/live/ws`, token, WebSocket: sockets });
    this.#rooms.push(host);
    await until(host, (state) => state.connection === 'live', 'the host is live');
    return new Stage(this.base, session, host, (room) => this.#rooms.push(room));
  }

  /** The address of the projector's page. */
  async wall(stage: Stage): Promise<string> {
    const link = await this.api.createLink(stage.session.id, { scope: 'present' });
    return `/screen/${stage.code}#${link.token}`;
  }

  close(): void {
    for (const room of this.#rooms) room.close();
  }
}
