import { render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Choice, PollView, RoomState } from '@atelier/sdk';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { announced } from '../../src/lib/announce.svelte';
import RoomView from '../../src/room/RoomView.svelte';
import { english, expectAccessible, FakeClient, poll, question, session, settings, tally, you } from './fake';

beforeEach(english);
afterEach(() => vi.useRealTimers());

const onleave = vi.fn();
function room(given: Partial<RoomState> = {}): FakeClient {
  const client = new FakeClient(given);
  render(RoomView, { client, code: 'K7Q2MP', onleave });
  return client;
}
const send = () => screen.getByRole('button', { name: /^Send/ });
const vote = (choice: Choice, round = 1) => ({ vote: { poll: 'p1', round, choice } });
const AT = '2026-11-21T12:03:07Z';

describe('voting', () => {
  test('single: choose, send, recorded, change', async () => {
    const client = room();
    await expectAccessible();
    await userEvent.click(send());
    expect(screen.getByText('Choose an answer first.')).toBeVisible();
    expect(client.sent).toEqual([]);

    await userEvent.click(screen.getByRole('radio', { name: 'Open questions' }));
    expect(client.sent).toEqual([]);
    await userEvent.click(send());
    expect(client.sent).toEqual([vote({ options: ['c'] })]);
    expect(screen.getByText('Sending …')).toBeVisible();

    client.ack(AT);
    client.set({ polls: [poll({ tally: tally(1, [0, 1, 1]) })] });
    expect(await screen.findByText('Your vote is in. You can change it until the poll closes.')).toBeVisible();
    expect(screen.getByText(/Recorded \d\d:03:07/)).toBeVisible();
    expect(announced()).toContain('Your vote is in.');
    expect(screen.queryByRole('radio')).toBeNull();
    const mine = within(await screen.findByRole('list', { name: 'Results' })).getByText('Open questions');
    expect(mine).toHaveTextContent('(Your vote)');
    await expectAccessible();

    await userEvent.click(screen.getByRole('button', { name: 'Change my vote' }));
    expect(screen.getByRole('radio', { name: 'Open questions' })).toBeChecked();
    await userEvent.click(screen.getByRole('button', { name: 'Keep my vote' }));
    expect(client.sent).toHaveLength(1);
  });

  test('multiple keeps within its limits and sends in the order of the options', async () => {
    const client = room({ polls: [poll({ kind: 'multiple', minChoices: 2, maxChoices: 2 })] });
    await userEvent.click(screen.getByRole('checkbox', { name: 'Open questions' }));
    await userEvent.click(send());
    expect(screen.getAllByText('Choose exactly 2.')).toHaveLength(2);
    await userEvent.click(screen.getByRole('checkbox', { name: /^Pair/ }));
    await userEvent.click(send());
    expect(client.sent).toEqual([vote({ options: ['a', 'c'] })]);
  });

  test('rating shows its ends and its mean', async () => {
    const options = ['1', '2', '3'].map((label) => ({ id: label, label }));
    const client = room({ polls: [poll({ kind: 'rating', options, lowLabel: 'Bad', highLabel: 'Good' })] });
    expect(screen.getByText('Good')).toBeVisible();
    await userEvent.click(screen.getByRole('radio', { name: '2' }));
    await expectAccessible();
    await userEvent.click(send());
    expect(client.sent).toEqual([vote({ options: ['2'] })]);
    client.ack(AT);
    client.set({ polls: [poll({ kind: 'rating', options, tally: tally(1, [0, 1, 1]) })] });
    expect(await screen.findByText('Mean 2.5')).toBeVisible();
  });

  test('open text and word cloud', async () => {
    const texts = { polls: [poll({ kind: 'openText', options: [], maxChoices: 0 })] };
    const client = room(texts);
    const field = await screen.findByLabelText('Your answer');
    await expectAccessible();
    await userEvent.type(field, '  Less coffee ');
    await userEvent.click(send());
    expect(client.sent).toEqual([vote({ text: 'Less coffee' })]);
    client.set({ polls: [poll({ kind: 'wordCloud', options: [], maxChoices: 3, round: 2 })] });
    await userEvent.type(await screen.findByLabelText('Word 1'), 'trust');
    await userEvent.type(screen.getByLabelText('Word 3'), 'speed');
    await expectAccessible();
    await userEvent.click(send());
    expect(client.sent[1]).toEqual(vote({ words: ['trust', 'speed'] }, 2));
    client.ack(AT);
    const words = ['trust', 'time'].map((text, i) => ({ text, count: 3 - i, hidden: false }));
    const cloud = poll({
      kind: 'wordCloud',
      options: [],
      round: 2,
      tally: { ...tally(1, [], 2), voters: 3, texts: words },
    });
    client.set({ polls: [cloud] });
    expect(await screen.findByText('time')).toBeVisible();
    expect(screen.getByText('trust')).toHaveClass('mine');
  });

  test('a refused vote brings the form back with the reason', async () => {
    const client = room();
    await userEvent.click(screen.getByRole('radio', { name: /^Pair/ }));
    await userEvent.click(send());
    client.refuse('poll_round_over');
    expect(await screen.findByText('A new round has begun. Please vote again.')).toBeVisible();
    expect(screen.getByRole('radio', { name: /^Pair/ })).toBeChecked();
  });

  test('offline, the vote is kept and said to be', async () => {
    room({
      connection: 'reconnecting',
      outbox: [{ ref: 1, command: vote({ options: ['a'] }), status: 'sending' }],
    });
    expect(screen.getByText(/Kept on this device/)).toBeVisible();
  });

  test('hidden results are named, and a new round asks again', async () => {
    const votes = [{ poll: 'p1', round: 1, choice: { options: ['a'] }, at: AT }];
    const client = room({ you: you({ votes }), polls: [poll({ visibility: 'afterClose' })] });
    expect(screen.getByText('Results come when the poll closes.')).toBeVisible();
    client.set({ polls: [poll({ round: 2 })] });
    expect(await screen.findByRole('radio', { name: /^Pair/ })).not.toBeChecked();
    expect(screen.getByText('Round 2')).toBeVisible();
  });

  test('the time left is said at half and at ten seconds, once each', async () => {
    vi.useFakeTimers({ now: Date.parse('2026-11-21T12:00:00Z') });
    const polls: PollView[] = [poll({ openedAt: '2026-11-21T12:00:00Z', timer: { endsAt: '2026-11-21T12:01:00Z' } })];
    room({ polls, clockOffsetMs: 0 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(screen.getByRole('timer')).toHaveTextContent('0:59');
    const said: string[] = [];
    for (let i = 0; i < 240; i++) {
      await vi.advanceTimersByTimeAsync(250);
      const now = announced().trim();
      if (said.at(-1) !== now) said.push(now);
    }
    expect(said.slice(-2)).toEqual(['Half of the time is over. 0:30 left.', '10 seconds left.']);
  });
});

test('opening and closing is said, what was so on arrival is not', async () => {
  const client = room({ polls: [] });
  const before = announced();
  client.set({ polls: [poll()] });
  await tick();
  expect(announced()).not.toBe(before);
  expect(announced()).toContain('A poll is open: What next?');
  client.set({ polls: [poll({ status: 'closed', closedAt: AT })] });
  await tick();
  expect(announced()).toContain('The poll is closed: What next?');
});

describe('questions', () => {
  const some = [question({ upvotes: 5 }), question({ id: 'q2', body: 'And locks?', upvotes: 9, author: null })];

  test('ask, in review, withdraw', async () => {
    const client = room({
      polls: [],
      session: settings({ qa: { enabled: true, preModerated: true, anonymousAllowed: true, upvotes: true } }),
    });
    await userEvent.type(await screen.findByLabelText('Ask a question'), 'Why?');
    await userEvent.click(screen.getByRole('checkbox', { name: 'Ask without my name' }));
    await expectAccessible();
    await userEvent.click(screen.getByRole('button', { name: 'Ask' }));
    expect(client.sent[0]).toMatchObject({ ask: { body: 'Why?', anonymous: true } });
    const id = (client.sent[0] as { ask: { question: string } }).ask.question;
    client.ack(AT);
    client.set({ you: you({ questions: [question({ id, body: 'Why?', status: 'pending' })] }) });
    expect(await screen.findByText('In review. Only you and the hosts see it.')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Withdraw: Why?' }));
    expect(client.sent[1]).toEqual({ dismiss: { question: id } });
    expect(screen.queryByText('Why?')).toBeNull();
  });

  test('upvoting counts at once and can be taken back; one’s own cannot be upvoted', async () => {
    const client = room({ questions: some, you: you({ questions: [some[1]!] }) });
    const button = await screen.findByRole('button', { name: /^Support: How do we roll back/ });
    expect(screen.queryByRole('button', { name: /And locks/, pressed: false })).toBeNull();
    await userEvent.click(button);
    expect(client.sent).toEqual([{ upvote: { question: 'q1', on: true } }]);
    expect(button).toHaveAttribute('aria-pressed', 'true');
    expect(button).toHaveTextContent('6');
    await expectAccessible();
  });

  test('the list does not move under a finger', async () => {
    const client = room({ questions: some });
    const order = () => screen.getAllByRole('button', { name: /^Support/ }).map((b) => b.textContent!.trim());
    const first = await screen.findByRole('button', { name: /^Support: And locks/ });
    expect(order()).toEqual(['9', '5']);
    first.focus();
    await tick();
    client.set({ questions: [question({ upvotes: 20 }), some[1]!, question({ id: 'q3', body: 'New?', upvotes: 1 })] });
    await tick();
    expect(order()).toEqual(['9', '20']);
    await userEvent.click(await screen.findByRole('button', { name: 'Show 1 new' }));
    await vi.waitFor(() => expect(order()).toEqual(['20', '9', '1']));
  });
});

describe('the state of things', () => {
  test('a connection is spoken of only when it is lost for a while', async () => {
    vi.useFakeTimers();
    const client = room();
    expect(screen.queryByText(/Connection lost/)).toBeNull();
    client.set({ connection: 'reconnecting' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(screen.queryByText(/Connection lost/)).toBeNull();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(screen.getByText(/Connection lost/)).toBeVisible();
    client.set({ connection: 'live' });
    await vi.advanceTimersByTimeAsync(10);
    expect(screen.queryByText(/Connection lost/)).toBeNull();
    expect(announced()).toContain('Connected again.');
  });

  test('lobby, pause and raised hand', async () => {
    const client = room({ polls: [], session: session({ status: 'starting' }) });
    expect(screen.getByRole('heading', { name: 'You are in.' })).toBeVisible();
    client.set({ session: session({ status: 'paused' }), polls: [poll()] });
    expect(await screen.findByRole('heading', { name: 'Paused' })).toBeVisible();
    await userEvent.click(screen.getByRole('radio', { name: /^Pair/ }));
    await userEvent.click(send());
    expect(client.sent).toEqual([]);
    client.set({ session: session() });
    await userEvent.click(await screen.findByRole('button', { name: 'Raise hand' }));
    expect(client.sent).toEqual([{ hand: { participant: 'me', raised: true } }]);
    expect(screen.getByRole('button', { name: 'Raise hand', pressed: true })).toBeVisible();
  });

  test('a new name', async () => {
    const client = room();
    await userEvent.click(await screen.findByRole('button', { name: 'Change name' }));
    await userEvent.type(screen.getByLabelText('Your name'), 'Ada{Enter}');
    expect(client.sent).toEqual([{ rename: { participant: 'me', name: 'Ada' } }]);
  });

  test('the end, and being sent out', async () => {
    const client = room({ session: session({ status: 'ended' }), you: you({ questions: [question()] }) });
    expect(await screen.findByRole('heading', { name: 'The workshop has ended.' })).toBeVisible();
    expect(screen.getByText('You asked 1 question.')).toBeVisible();
    client.set({ session: session(), connection: 'closed', closedCode: 4003 });
    await userEvent.click(await screen.findByRole('button', { name: 'Join again' }));
    expect(onleave).toHaveBeenCalledTimes(1);
    client.set({ closedCode: 4001 });
    await tick();
    expect(onleave).toHaveBeenCalledTimes(2);
  });
});
