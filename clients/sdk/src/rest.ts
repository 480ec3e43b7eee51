/** The HTTP API as typed calls. Every failure is a `Problem` with a code to switch on. */
import type { Code, Role } from './protocol';
import type {
  Account,
  BuilderSession,
  BuilderSessionRow,
  ChangeBuilderSession,
  CollabLevel,
  Collaborator,
  ContentFormat,
  DuplicateSession,
  FieldError,
  Joined,
  JoinInfo,
  KeptVersion,
  Link,
  LinkRequest,
  LiveSession,
  Login,
  Member,
  NewBuilderSession,
  NewLink,
  NewLiveSession,
  NewSummary,
  NotesChange,
  NotesView,
  Page,
  ParticipantRow,
  Plan,
  PollRow,
  ProblemBody,
  QuestionRow,
  Registration,
  Results,
  Summary,
  SummaryRow,
  Ticket,
  VersionDiff,
  VersionView,
} from './rest-types';

export class Problem extends Error {
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly requestId: string | undefined;

  constructor(
    /** HTTP status; 0: no answer came. */
    readonly status: number,
    readonly code: Code | 'unreachable',
    body: Partial<ProblemBody> = {},
    /** Seconds to wait, where the server said so. */
    readonly retryAfter?: number,
    /** Names this request in the server's log. */
    requestId?: string,
  ) {
    super(body.detail ?? body.title ?? code);
    this.name = 'Problem';
    this.detail = body.detail ?? body.title ?? '';
    this.errors = body.errors ?? [];
    this.requestId = requestId;
  }
}

export interface RestOptions {
  /** Default `/api/v1`. */
  base?: string;
  /** Sent as bearer token; without it the browser's cookie counts. */
  token?: string;
  fetch?: typeof fetch;
  /** Milliseconds to wait for an answer; default 15,000. */
  timeout?: number;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One call. Answers without a body give `undefined`, answers that are no JSON their text. */
export async function call<T>(
  options: RestOptions,
  method: Method,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', ...more };
  if (options.token) headers.authorization = `Bearer ${options.token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const request: RequestInit = { method, headers, credentials: 'same-origin' };
  if (body !== undefined) request.body = JSON.stringify(body);
  if (typeof AbortSignal.timeout === 'function') request.signal = AbortSignal.timeout(options.timeout ?? 15_000);
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(`${options.base ?? '/api/v1'}${path}`, request);
  } catch {
    throw new Problem(0, 'unreachable', { detail: 'The server cannot be reached.' });
  }
  if (response.ok && more.accept) return (await response.text()) as T;
  const content: unknown = await response.json().catch(() => undefined);
  if (response.ok) return content as T;
  const problem = (content ?? {}) as Partial<ProblemBody>;
  const wait = Number(response.headers.get('retry-after'));
  const code = (problem.code ?? (response.status === 429 ? 'rate_limited' : 'internal')) as Code;
  throw new Problem(
    response.status,
    code,
    problem,
    wait > 0 ? wait : undefined,
    response.headers.get('x-request-id') ?? undefined,
  );
}

/** What a join code stands for. */
export const joinInfo = (options: RestOptions, code: string): Promise<JoinInfo> =>
  call(options, 'GET', `/join/${encodeURIComponent(code)}`);

/** Comes in, or in again: with the token of an earlier join it is the same participant. */
export const join = (options: RestOptions, code: string, displayName?: string): Promise<Joined> =>
  call(options, 'POST', '/join', displayName ? { code, displayName } : { code });

export interface Paging {
  after?: string;
  limit?: number;
}

/** All calls, for the studio and for programs. */
export class Api {
  constructor(private readonly options: RestOptions = {}) {}

  register = (body: Registration) => this.#post<Account>('/auth/register', body);
  login = (body: Login) => this.#post<Account>('/auth/login', body);
  logout = () => this.#post<void>('/auth/logout');
  me = () => this.#get<Account>('/auth/me');

  liveSessions = (paging: Paging & { status?: string } = {}) =>
    this.#get<Page<LiveSession>>(`/live-sessions${query(paging)}`);
  liveSession = (id: string) => this.#get<LiveSession>(`/live-sessions/${id}`);
  createLiveSession = (body: NewLiveSession) => this.#post<LiveSession>('/live-sessions', body);
  updateLiveSession = (id: string, body: Plan) =>
    call<LiveSession>(this.options, 'PATCH', `/live-sessions/${id}`, body);
  duplicateLiveSession = (id: string, body: DuplicateSession = {}) =>
    this.#post<LiveSession>(`/live-sessions/${id}/duplicate`, body);

  ticket = (id: string, role?: Role) => this.#post<Ticket>(`/live-sessions/${id}/ticket`, role ? { role } : {});
  links = (id: string) => this.#get<Page<Link>>(`/live-sessions/${id}/links`);
  createLink = (id: string, body: LinkRequest) => this.#post<NewLink>(`/live-sessions/${id}/links`, body);
  revokeLink = (id: string, link: string) => call<void>(this.options, 'DELETE', `/live-sessions/${id}/links/${link}`);

  /** The session's shared notes: the document to connect to, and what the caller may do. */
  notes = (id: string) => this.#get<NotesView>(`/live-sessions/${id}/notes`);
  changeNotes = (id: string, body: NotesChange) =>
    call<NotesView>(this.options, 'PATCH', `/live-sessions/${id}/notes`, body);

  participants = (id: string, paging: Paging = {}) => this.#list<ParticipantRow>(id, 'participants', paging);
  polls = (id: string, paging: Paging = {}) => this.#list<PollRow>(id, 'polls', paging);
  questions = (id: string, paging: Paging = {}) => this.#list<QuestionRow>(id, 'questions', paging);
  results = (id: string) => this.#get<Results>(`/live-sessions/${id}/results`);

  plans = (paging: Paging & { search?: string } = {}) =>
    this.#get<Page<BuilderSessionRow>>(`/builder-sessions${query(paging)}`);
  plan = (id: string) => this.#get<BuilderSession>(`/builder-sessions/${id}`);
  createPlan = (body: NewBuilderSession) => this.#post<BuilderSession>('/builder-sessions', body);
  /** `version` is the `lockVersion` that was seen: a `conflict` when somebody else has changed it since. */
  updatePlan = (id: string, version: number, body: ChangeBuilderSession) =>
    call<BuilderSession>(this.options, 'PATCH', `/builder-sessions/${id}`, body, { 'if-match': `"${version}"` });
  deletePlan = (id: string) => call<void>(this.options, 'DELETE', `/builder-sessions/${id}`);

  summaries = (paging: Paging & { search?: string } = {}) => this.#get<Page<SummaryRow>>(`/summaries${query(paging)}`);
  summary = (id: string) => this.#get<Summary>(`/summaries/${id}`);
  createSummary = (body: NewSummary) => this.#post<Summary>('/summaries', body);
  approveSummary = (id: string) => this.#post<Summary>(`/summaries/${id}/approve`);
  reopenSummary = (id: string) => this.#post<Summary>(`/summaries/${id}/reopen`);
  deleteSummary = (id: string) => call<void>(this.options, 'DELETE', `/summaries/${id}`);

  members = (search = '', paging: Paging = {}) =>
    this.#get<Page<Member>>(`/members${query({ ...paging, search: search || undefined })}`);

  /** Opens a shared document once, within a minute. */
  documentTicket = (document: string) => this.#post<Ticket>(`${at(document)}/ticket`);
  collaborators = (document: string) => this.#get<Page<Collaborator>>(`${at(document)}/collaborators`);
  setCollaborator = (document: string, user: string, level: CollabLevel) =>
    call<Collaborator>(this.options, 'PUT', `${at(document)}/collaborators/${user}`, { level });
  removeCollaborator = (document: string, user: string) =>
    call<void>(this.options, 'DELETE', `${at(document)}/collaborators/${user}`);
  /** All of it as one text. */
  content = (document: string, format: ContentFormat) => this.#text(`${at(document)}/content${query({ format })}`);

  versions = (document: string, paging: Paging = {}) =>
    this.#get<Page<VersionView>>(`${at(document)}/versions${query(paging)}`);
  nameVersion = (document: string, label: string) => this.#post<KeptVersion>(`${at(document)}/versions`, { label });
  versionContent = (document: string, version: string, format: ContentFormat) =>
    this.#text(`${at(document)}/versions/${version}/content${query({ format })}`);
  versionDiff = (document: string, version: string, against: string) =>
    this.#get<VersionDiff>(`${at(document)}/versions/${version}/diff${query({ against })}`);
  restoreVersion = (document: string, version: string) =>
    this.#post<void>(`${at(document)}/versions/${version}/restore`);

  joinInfo = (code: string) => joinInfo(this.options, code);
  join = (code: string, displayName?: string) => join(this.options, code, displayName);

  #get<T>(path: string): Promise<T> {
    return call<T>(this.options, 'GET', path);
  }

  #post<T>(path: string, body?: unknown): Promise<T> {
    return call<T>(this.options, 'POST', path, body);
  }

  #text(path: string): Promise<string> {
    return call<string>(this.options, 'GET', path, undefined, { accept: '*/*' });
  }

  #list<T>(id: string, what: string, paging: Paging): Promise<Page<T>> {
    return this.#get(`/live-sessions/${id}/${what}${query(paging)}`);
  }
}

const at = (document: string): string => `/documents/${encodeURIComponent(document)}`;

function query(params: object): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return text ? `?${text}` : '';
}
