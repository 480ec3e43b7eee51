import { render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { tick } from 'svelte';
import { beforeAll, expect, test } from 'vitest';
import { Desk } from '../console/desk.svelte';
import Moderation from '../console/Moderation.svelte';
import { texts } from '../lib/i18n';
import { Notices } from '../lib/notices.svelte';
import { columnOf, inColumn, steady } from '../lib/questions';
import { breaches, FakeRoom, question } from './fakes';

beforeAll(() => texts.use('en'));

const questions = [
  question('q1', 'Will this be recorded?', { status: 'pending' }),
  question('q2', 'How do we roll back?', { upvotes: 9 }),
  question('q3', 'Is there a reading list?', { upvotes: 4 }),
  question('q4', 'Where is the coffee?', { status: 'answered' }),
  question('q5', 'spam', { status: 'dismissed' }),
];

function moderation(wide = true) {
  const room = new FakeRoom({ questions });
  const notices = new Notices();
  const desk = new Desk(room, notices);
  render(Moderation, { desk, wide });
  return { room, notices, desk, user: userEvent.setup() };
}

const press = (name: string | RegExp) => screen.getByRole('button', { name });

test('three columns hold what belongs in them', () => {
  moderation();
  const texts = (name: RegExp) => within(screen.getByRole('region', { name })).getAllByRole('article').length;
  expect([texts(/In review/), texts(/Live/), texts(/Archive/)]).toEqual([1, 2, 2]);
});

test('each move sends its command', async () => {
  const { room, user } = moderation();
  await user.click(press(/^Approve.*recorded/));
  await user.click(press(/^Dismiss.*recorded/));
  await user.click(press(/^Highlight.*roll back/));
  await user.click(press(/^Answered.*roll back/));
  await user.click(press(/^Star.*reading list/));
  await user.click(press(/^Bring back.*spam/));
  expect(room.sent).toEqual([
    { approve: { question: 'q1' } },
    { dismiss: { question: 'q1' } },
    { highlight: { question: 'q2' } },
    { answer: { question: 'q2', text: null } },
    { star: { question: 'q3', on: true } },
    { restore: { question: 'q5' } },
  ]);
});

test('archive sits in the menu and can be undone', async () => {
  const { room, notices, user } = moderation();
  const card = screen.getByRole('article', { name: 'How do we roll back?' });
  await user.click(within(card).getByText('Archive'));
  expect(room.sent).toEqual([{ archive: { question: 'q2' } }]);
  notices.list[0]!.action!.run();
  expect(room.sent[1]).toEqual({ restore: { question: 'q2' } });
});

test('the highlighted question is taken off by the same button', async () => {
  const { room, user } = moderation();
  room.now({ stage: { show: { lobby: {} }, highlighted: 'q2' } });
  await tick();
  await user.click(press(/^Take off.*roll back/));
  expect(room.sent).toEqual([{ highlight: { question: null } }]);
});

test('a written answer is sent, an empty one is not', async () => {
  const { room, user } = moderation();
  const card = screen.getByRole('article', { name: 'How do we roll back?' });
  await user.click(within(card).getByText('Answer in writing'));
  await user.click(press('Publish answer'));
  expect(room.sent).toEqual([]);
  await user.type(screen.getByLabelText('Your answer'), 'With a second migration.');
  await user.click(press('Publish answer'));
  expect(room.sent).toEqual([{ answer: { question: 'q2', text: 'With a second migration.' } }]);
});

test('what comes in while somebody points at a column waits above it', async () => {
  const { room, user } = moderation();
  const column = screen.getByRole('region', { name: /Live/ });
  await user.hover(within(column).getByText('How do we roll back?'));
  room.now({ questions: [...questions, question('q6', 'New and popular', { upvotes: 50 })] });
  await tick();
  expect(within(column).queryByText('New and popular')).toBeNull();
  await user.click(within(column).getByRole('button', { name: 'One new' }));
  expect(within(column).getAllByRole('article')[0]).toHaveTextContent('New and popular');
});

test('switches configure the session', async () => {
  const { room, user } = moderation();
  await user.click(screen.getByLabelText('Review before publishing'));
  await user.click(screen.getByLabelText('Anonymous allowed'));
  expect(room.sent).toEqual([{ configure: { preModerated: false } }, { configure: { anonymousAllowed: false } }]);
});

test('a refusal is said', async () => {
  const { room, notices, user } = moderation();
  room.refuse = 'question_unknown';
  await user.click(press(/^Approve/));
  expect(notices.list.map((n) => [n.kind, n.text])).toEqual([['error', 'This question is not there any more.']]);
});

test('the narrow panel has tabs that arrows walk', async () => {
  const { user } = moderation(false);
  expect(screen.getByRole('tab', { name: /In review/ })).toHaveAttribute('aria-selected', 'true');
  screen.getByRole('tab', { name: /In review/ }).focus();
  await user.keyboard('{ArrowRight}');
  expect(screen.getByRole('tab', { name: /Live/ })).toHaveAttribute('aria-selected', 'true');
  expect(screen.getAllByRole('article')).toHaveLength(2);
});

test('columns and order follow the rules', () => {
  expect(columnOf({ status: 'open', archived: true })).toBe('archive');
  const starred = question('q9', 'x', { starred: true });
  expect(inColumn([...questions, starred], 'live', 'support').map((q) => q.id)).toEqual(['q9', 'q2', 'q3']);
  expect(steady([{ id: 'c' }, { id: 'a' }], ['a', 'b'])).toEqual({ shown: [{ id: 'a' }], fresh: 1 });
});

test('is accessible, wide and narrow', async () => {
  moderation();
  expect(await breaches()).toEqual([]);
  document.body.replaceChildren();
  moderation(false);
  expect(await breaches()).toEqual([]);
});
