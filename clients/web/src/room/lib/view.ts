/** What a participant's state means, as pure functions. */
import type { Choice, OutboxItem, PollView, QuestionView, RoomState, You } from '@atelier/sdk';

export interface BallotView {
  choice: Choice;
  /** When it was recorded; null: still on its way. */
  at: string | null;
}

const newest = (state: RoomState, wanted: (item: OutboxItem) => boolean): OutboxItem | undefined =>
  state.outbox.findLast(wanted);

const isVote = (poll: PollView) => (item: OutboxItem) =>
  'vote' in item.command && item.command.vote.poll === poll.id && item.command.vote.round === poll.round;

/** One's own ballot in the poll's round: the one on its way, else the one recorded. */
export function ballotOf(state: RoomState, poll: PollView): BallotView | null {
  const mine = state.you?.votes.find((v) => v.poll === poll.id && v.round === poll.round);
  const item = newest(state, (i) => isVote(poll)(i) && i.status !== 'refused');
  if (item && 'vote' in item.command) {
    const { choice } = item.command.vote;
    if (item.status === 'sending') return { choice, at: null };
    // The receipt may come before the server's own word about my vote.
    if (!mine || (item.at && Date.parse(item.at) > Date.parse(mine.at))) return { choice, at: item.at ?? null };
  }
  return mine ? { choice: mine.choice, at: mine.at } : null;
}

/** The refusal of the newest vote in this poll, while it is the last word. */
export function refusalOf(state: RoomState, poll: PollView): OutboxItem | null {
  const item = newest(state, isVote(poll));
  return item?.status === 'refused' ? item : null;
}

/** Polls that take votes now, the one opened last first. */
export function openPolls(state: RoomState): PollView[] {
  const at = (poll: PollView) => Date.parse(poll.openedAt ?? '') || 0;
  return state.polls.filter((p) => p.status === 'open').sort((a, b) => at(b) - at(a));
}

/** The closed poll on the stage, if there is one. */
export function stagedPoll(state: RoomState): PollView | null {
  const show = state.stage?.show;
  if (!show || !('poll' in show)) return null;
  return state.polls.find((p) => p.id === show.poll.poll && p.status === 'closed') ?? null;
}

export function hasUpvoted(state: RoomState, question: string): boolean {
  const item = newest(
    state,
    (i) => 'upvote' in i.command && i.command.upvote.question === question && i.status === 'sending',
  );
  if (item && 'upvote' in item.command) return item.command.upvote.on;
  return state.you?.upvoted.includes(question) ?? false;
}

/** The count as it will be when what is on its way has arrived. */
export function upvotesOf(state: RoomState, question: QuestionView): number {
  const recorded = state.you?.upvoted.includes(question.id) ?? false;
  const wanted = hasUpvoted(state, question.id);
  return question.upvotes + (wanted === recorded ? 0 : wanted ? 1 : -1);
}

/** Questions everybody sees and nobody has put away, most supported first, then oldest. */
export function openQuestions(state: RoomState): QuestionView[] {
  return state.questions
    .filter((q) => q.status === 'open' && !q.archived)
    .sort((a, b) => b.upvotes - a.upvotes || Date.parse(a.askedAt) - Date.parse(b.askedAt));
}

/** Answered ones, newest answer first. */
export function answeredQuestions(state: RoomState): QuestionView[] {
  return state.questions
    .filter((q) => q.status === 'answered' && !q.archived)
    .sort((a, b) => Date.parse(b.answeredAt ?? b.askedAt) - Date.parse(a.answeredAt ?? a.askedAt));
}

export function isHandUp(state: RoomState): boolean {
  const item = newest(state, (i) => 'hand' in i.command && i.status === 'sending');
  if (item && 'hand' in item.command) return item.command.hand.raised;
  return Boolean(state.you?.handRaisedAt);
}

export const letter = (i: number) => String.fromCharCode(65 + (i % 26));

export function chosen(choice: Choice): readonly string[] {
  return 'options' in choice ? choice.options : 'words' in choice ? choice.words : [choice.text];
}

/** True once results may be told to others as well: they are in the view. */
export function earlierRound(poll: PollView) {
  return poll.past.at(-1) ?? null;
}

export function nameOf(you: You | null, guest: (n: number) => string): string {
  return you?.name ?? guest(you?.number ?? 0);
}
