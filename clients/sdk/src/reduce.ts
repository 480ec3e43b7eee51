/** The pure part: a snapshot and a frame make the next snapshot. Unknown frames change nothing. */
import type {
  Change,
  MyChange,
  PollKind,
  PollView,
  QuestionView,
  ServerMessage,
  SessionState,
  Tally,
  You,
} from './protocol';
import type { RoomState } from './state';

type Frame<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

export function reduce(state: RoomState, frame: ServerMessage): RoomState {
  switch (frame.type) {
    case 'welcome':
      return { ...state, you: frame.you };
    case 'snapshot':
      return snapshot(state, frame.seq, frame.state);
    case 'events':
      return events(state, frame);
    case 'tally':
      return tally(state, frame);
    case 'upvotes':
      return upvotes(state, frame);
    case 'mine':
      return state.you ? { ...state, you: frame.changes.reduce(mine, state.you) } : state;
    case 'presence':
      return frame.online === state.online ? state : { ...state, online: frame.online };
    case 'integrity': {
      const { type: _type, ...integrity } = frame;
      return { ...state, integrity };
    }
    default:
      return state;
  }
}

function snapshot(state: RoomState, seq: number, now: SessionState): RoomState {
  return {
    ...state,
    seq,
    session: now.session,
    stage: now.stage,
    polls: now.polls.map((poll) => keepTally(find(state.polls, poll.id), poll, state.you)).sort(byPosition),
    questions: [...now.questions].sort(byAge),
    people: now.people,
  };
}

/** True when a frame of events does not continue what is held: something between is missing. */
export function hasGap(state: RoomState, frame: Frame<'events'>): boolean {
  return state.seq === null || frame.after > state.seq;
}

function events(state: RoomState, frame: Frame<'events'>): RoomState {
  if (hasGap(state, frame) || frame.seq <= state.seq!) return state;
  return { ...frame.events.reduce(change, state), seq: frame.seq };
}

function change(state: RoomState, event: Change): RoomState {
  if ('session' in event) return { ...state, session: event.session };
  if ('stage' in event) return { ...state, stage: event.stage };
  if ('person' in event) return { ...state, people: put(state.people, event.person) };
  if ('poll' in event) {
    const poll = keepTally(find(state.polls, event.poll.id), event.poll, state.you);
    return { ...state, polls: put(state.polls, poll).sort(byPosition) };
  }
  if ('pollGone' in event) return { ...state, polls: drop(state.polls, event.pollGone) };
  if ('question' in event) return { ...state, questions: put(state.questions, event.question).sort(byAge) };
  if ('questionGone' in event) return { ...state, questions: drop(state.questions, event.questionGone) };
  return state;
}

/**
 * The tally to show with a new view of a poll. A view never brings an older tally back; and where results follow one's
 * own vote, the view that all participants share has none, while this participant's own frames have brought one.
 */
function keepTally(held: PollView | undefined, next: PollView, you: You | null): PollView {
  const before = held?.tally;
  if (!before || before.round !== next.round) return next;
  if (next.tally) return next.tally.version < before.version ? { ...next, tally: before } : next;
  const earned =
    next.visibility === 'afterVote' &&
    you?.role !== 'observer' &&
    you?.votes.some((v) => v.poll === next.id && v.round === next.round);
  return earned ? { ...next, tally: before } : next;
}

function tally(state: RoomState, frame: Frame<'tally'>): RoomState {
  const poll = find(state.polls, frame.poll);
  if (!poll || poll.round !== frame.round) return state;
  if (poll.tally && poll.tally.round === frame.round && poll.tally.version > frame.version) return state;
  const { round, version, voters, counts, texts } = frame;
  return { ...state, polls: put(state.polls, { ...poll, tally: { round, version, voters, counts, texts } }) };
}

function upvotes(state: RoomState, frame: Frame<'upvotes'>): RoomState {
  const counts = new Map(frame.counts.map((c) => [c.question, c.upvotes]));
  const apply = (question: QuestionView) => {
    const count = counts.get(question.id);
    return count === undefined || count === question.upvotes ? question : { ...question, upvotes: count };
  };
  const you = state.you && { ...state.you, questions: state.you.questions.map(apply) };
  return { ...state, you, questions: state.questions.map(apply) };
}

function mine(you: You, event: MyChange): You {
  if ('you' in event) return event.you;
  if ('vote' in event) return { ...you, votes: [...you.votes.filter((v) => v.poll !== event.vote.poll), event.vote] };
  if ('question' in event) return { ...you, questions: put(you.questions, event.question) };
  if ('upvote' in event) {
    const others = you.upvoted.filter((id) => id !== event.upvote.question);
    return { ...you, upvoted: event.upvote.on ? [...others, event.upvote.question] : others };
  }
  return you;
}

function find<T extends { id: string }>(list: readonly T[], id: string): T | undefined {
  return list.find((item) => item.id === id);
}

function put<T extends { id: string }>(list: readonly T[], item: T): T[] {
  const at = list.findIndex((other) => other.id === item.id);
  return at < 0 ? [...list, item] : list.map((other, i) => (i === at ? item : other));
}

function drop<T extends { id: string }>(list: readonly T[], id: string): readonly T[] {
  return list.filter((item) => item.id !== id);
}

const byPosition = (a: PollView, b: PollView) => a.position - b.position;
const byAge = (a: QuestionView, b: QuestionView) =>
  Date.parse(a.askedAt) - Date.parse(b.askedAt) || (a.id < b.id ? -1 : 1);

/** Whole percentages that sum to 100 (largest remainder; ties to the first); all zero when nothing was counted. */
export function percents(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total <= 0) return counts.map(() => 0);
  const exact = counts.map((n) => (n * 100) / total);
  const whole = exact.map(Math.floor);
  const missing = 100 - whole.reduce((sum, n) => sum + n, 0);
  const order = exact.map((share, i) => [share - whole[i]!, i] as const).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  for (const [, i] of order.slice(0, missing)) whole[i]! += 1;
  return whole;
}

/** The percentage per option: of the votes, or of the voters where one voter may choose several. */
export function shares(kind: PollKind, tally: Pick<Tally, 'counts' | 'voters'>): number[] {
  if (kind !== 'multiple') return percents(tally.counts);
  return tally.counts.map((n) => (tally.voters > 0 ? Math.round((n * 100) / tally.voters) : 0));
}

/** The mean of a rating: steps labelled with numbers count as those, others from 1; null when nobody voted. */
export function mean(counts: readonly number[], labels: readonly string[] = []): number | null {
  const values = labels.map((label) => (label.trim() === '' ? NaN : Number(label)));
  const numeric = values.length === counts.length && values.every(Number.isFinite);
  const total = counts.reduce((sum, n) => sum + n, 0);
  return total > 0 ? counts.reduce((sum, n, i) => sum + n * (numeric ? values[i]! : i + 1), 0) / total : null;
}
