/** Moderation: which column a question stands in, and in which order. */
import type { PersonView, QuestionView } from '@atelier/sdk';

export const COLUMNS = ['review', 'live', 'archive'] as const;
export type Column = (typeof COLUMNS)[number];
export type Order = 'support' | 'newest';

export function columnOf(question: Pick<QuestionView, 'status' | 'archived'>): Column {
  if (question.archived) return 'archive';
  if (question.status === 'pending') return 'review';
  return question.status === 'open' ? 'live' : 'archive';
}

/** Starred ones first in the live column: they are the speaker's queue. */
export function inColumn(questions: readonly QuestionView[], column: Column, order: Order): QuestionView[] {
  const newest = (a: QuestionView, b: QuestionView) => b.askedAt.localeCompare(a.askedAt);
  return questions
    .filter((q) => columnOf(q) === column)
    .sort((a, b) => {
      if (column === 'live' && a.starred !== b.starred) return a.starred ? -1 : 1;
      if (order === 'support' && a.upvotes !== b.upvotes) return b.upvotes - a.upvotes;
      return newest(a, b);
    });
}

/**
 * A list that does not move under the pointer: what is held keeps its place, what left is dropped, and what came
 * since is counted instead of shown.
 */
export function steady<T extends { id: string }>(
  sorted: readonly T[],
  held: readonly string[] | null,
): { shown: T[]; fresh: number } {
  if (held === null) return { shown: [...sorted], fresh: 0 };
  const byId = new Map(sorted.map((item) => [item.id, item]));
  const shown = held.flatMap((id) => byId.get(id) ?? []);
  return { shown, fresh: sorted.length - shown.length };
}

/** Raised hands, the longest waiting first. */
export function hands(people: readonly PersonView[]): PersonView[] {
  return people
    .filter((p) => p.handRaisedAt !== null && p.removedAt === null)
    .sort((a, b) => a.handRaisedAt!.localeCompare(b.handRaisedAt!));
}
