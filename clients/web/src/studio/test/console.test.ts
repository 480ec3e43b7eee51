import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import type { RoomState } from '@atelier/sdk';
import { tick } from 'svelte';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import Console from '../console/Console.svelte';
import { texts } from '../lib/i18n';
import { keys } from '../lib/keys.svelte';
import { Notices } from '../lib/notices.svelte';
import { api, AT, breaches, FakeRoom, integrity, live, person, poll, question, session, you } from './fakes';

beforeAll(() => texts.use('en'));
beforeEach(() => keys.set(true));

const polls = [
  poll({ id: 'p1', question: 'First?', position: 0 }),
  poll({
    id: 'p2',
    question: 'Second?',
    position: 1,
    status: 'closed',
    openedAt: AT,
    tally: { round: 1, version: 1, voters: 3, counts: [2, 1], texts: [] },
  }),
  poll({ id: 'p3', question: 'Third?', position: 2, visibility: 'never', status: 'closed', openedAt: AT }),
];

function open(state: Partial<RoomState> = {}, given: Parameters<typeof api>[0] = {}) {
  const room = new FakeRoom({ polls, ...state });
  const notices = new Notices();
  const view = render(Console, { room, notices, api: api(given), session: live() });
  return { room, notices, view, user: userEvent.setup() };
}

const press = (key: string, target: Element = document.body) => fireEvent.keyDown(target, { key });
const settled = () => new Promise((resolve) => setTimeout(resolve));

test('O opens the chosen poll and puts it on the screen, C closes it', async () => {
  const { room } = open();
  await press('o');
  await settled();
  expect(room.sent).toEqual([
    { openPoll: { poll: 'p1', seconds: null } },
    { show: { stage: { poll: { poll: 'p1' } } } },
  ]);
  room.now({ polls: [{ ...polls[0]!, status: 'open' }, polls[1]!, polls[2]!] });
  await press('C');
  expect(room.sent[2]).toEqual({ closePoll: { poll: 'p1' } });
});

test('Space goes on, the left arrow back, R reveals what is hidden', async () => {
  const { room } = open();
  await press(' ');
  await press('r');
  expect(room.sent).toEqual([{ show: { stage: { poll: { poll: 'p2' } } } }]);
  await settled();
  await press('ArrowRight');
  await press('r');
  expect(room.sent.slice(1)).toEqual([
    { show: { stage: { poll: { poll: 'p3' } } } },
    { revealPoll: { poll: 'p3', revealed: true } },
  ]);
  await press('ArrowLeft');
  expect(screen.getByRole('heading', { name: 'Second?' })).toBeVisible();
});

test('H highlights the first live question and takes it off again', async () => {
  const { room } = open({ questions: [question('q1', 'Low'), question('q2', 'High', { upvotes: 3 })] });
  await press('h');
  expect(room.sent).toEqual([{ highlight: { question: 'q2' } }]);
  room.now({ stage: { show: { lobby: {} }, highlighted: 'q2' } });
  await press('h');
  expect(room.sent[1]).toEqual({ highlight: { question: null } });
});

test('shortcuts never fire while typing, on a focused button, with a modifier, under a dialog, or when off', async () => {
  const { room, user } = open();
  const input = document.body.appendChild(document.createElement('input'));
  await press('o', input);
  await press(' ', screen.getByRole('button', { name: /Previous/ }));
  await fireEvent.keyDown(document.body, { key: 'o', ctrlKey: true });
  input.remove();
  await press('?');
  expect(screen.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await press('o');
  await user.click(screen.getByLabelText(/are on/));
  await user.click(screen.getByRole('button', { name: 'Close this window' }));
  await press('o');
  expect(room.sent).toEqual([]);
});

test('an open poll in the way is closed first', async () => {
  const { room, user } = open({ polls: [polls[0]!, { ...polls[1]!, status: 'open' }] });
  await user.click(
    within(screen.getByRole('region', { name: 'Run of show' })).getByRole('button', { name: /First\?.*Prepared/ }),
  );
  expect(screen.getByText('Closes “Second?” first.')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Open voting' }));
  await settled();
  expect(room.sent.map((c) => Object.keys(c)[0])).toEqual(['closePoll', 'openPoll', 'show']);
});

test('reset asks with the name of the poll', async () => {
  const { room, user } = open({ polls: [polls[1]!] });
  await user.click(screen.getByRole('button', { name: 'Reset' }));
  const dialog = screen.getByRole('dialog', { name: 'Reset “Second?”?' });
  expect(dialog).toHaveTextContent('3 answers are set aside');
  expect(room.sent).toEqual([]);
  await user.click(within(dialog).getByRole('button', { name: 'Reset poll' }));
  expect(room.sent).toEqual([{ resetPoll: { poll: 'p2', round: 1 } }]);
});

test('there is one primary action, and it follows the session', async () => {
  const { room, view } = open({ session: session({ status: 'starting' }) });
  const primary = () => [...view.container.querySelectorAll('.btn.primary')].map((b) => b.textContent?.trim());
  expect(primary()).toEqual(['Begin']);
  room.now({ session: session() });
  await tick();
  expect(primary()).toEqual([expect.stringContaining('Open voting')]);
  room.now({ session: session({ status: 'paused' }) });
  await tick();
  expect(primary()).toEqual(['Go on']);
});

test('nothing opens before the session runs', async () => {
  const { room, user } = open({ session: session({ status: 'starting' }) });
  await press('o');
  await user.click(screen.getByRole('button', { name: 'Open voting' }));
  expect(room.sent).toEqual([]);
  expect(screen.getByRole('button', { name: 'Open voting' })).toHaveAccessibleDescription(/once the session runs/);
});

test('the lifecycle: begin, lock, end after a question, cancel only with a reason', async () => {
  const { room, user } = open({ session: session({ status: 'starting' }) });
  await user.click(screen.getByRole('button', { name: 'Begin' }));
  await user.click(screen.getByText('Lock the door'));
  await user.click(screen.getByText(/^Call off/));
  await user.click(screen.getByRole('button', { name: 'Call off session' }));
  expect(screen.getByLabelText('Reason')).toBeInvalid();
  await user.type(screen.getByLabelText('Reason'), 'Nobody is well.');
  await user.click(screen.getByRole('button', { name: 'Call off session' }));
  room.now({ session: session() });
  await tick();
  await user.click(screen.getByText(/^End session/));
  await user.click(
    within(screen.getByRole('dialog', { name: 'End “Locks”?' })).getByRole('button', { name: 'End session' }),
  );
  expect(room.sent).toEqual([
    { go: {} },
    { lock: { locked: true } },
    { cancel: { reason: 'Nobody is well.' } },
    { end: {} },
  ]);
});

test('polls move by button and by keyboard', async () => {
  const { room, user } = open();
  await user.click(screen.getByRole('button', { name: 'Move “First?” down' }));
  await user.click(screen.getByRole('button', { name: 'Move “First?” up' }));
  const second = within(screen.getByRole('region', { name: 'Run of show' })).getByRole('button', {
    name: /Second\?.*Closed/,
  });
  await fireEvent.keyDown(second, { key: 'ArrowUp', altKey: true });
  expect(room.sent).toEqual([{ movePoll: { poll: 'p1', position: 1 } }, { movePoll: { poll: 'p2', position: 0 } }]);
});

test('the big screen gets a link of its own in a window of its own', async () => {
  const assign = vi.fn();
  const view = { opener: {}, location: { assign }, close: vi.fn() };
  vi.spyOn(window, 'open').mockReturnValue(view as unknown as Window);
  const createLink = vi.fn().mockResolvedValue({
    id: 'l1',
    scope: 'present',
    token: 't',
    url: '/screen/K7Q2MP#t',
    expiresAt: '2099-01-01T00:00:00Z',
  });
  const { user } = open({}, { createLink });
  await user.click(screen.getByRole('button', { name: 'Open big screen' }));
  await user.click(screen.getByRole('button', { name: 'Open big screen' }));
  expect(createLink).toHaveBeenCalledTimes(1);
  expect(createLink).toHaveBeenCalledWith('s1', { scope: 'present' });
  expect(view.opener).toBeNull();
  expect(String(assign.mock.calls[0]![0])).toMatch(/\/screen\/K7Q2MP#t$/);
});

test('hands stand in time order and can be lowered; kicking asks first', async () => {
  const people = [
    person('a', 'Noor', { handRaisedAt: '2026-05-04T10:05:00Z' }),
    person('b', 'Aiko', { handRaisedAt: '2026-05-04T10:02:00Z' }),
    person('c', 'Zed', { removedAt: AT, banned: true }),
  ];
  const { room, user } = open({ people });
  await user.click(
    within(screen.getByRole('group', { name: 'Questions and people' })).getByRole('button', { name: /People/ }),
  );
  const lower = screen.getAllByRole('button', { name: /Lower the hand/ });
  expect(lower.map((b) => b.getAttribute('aria-label'))).toEqual(['Lower the hand of Aiko', 'Lower the hand of Noor']);
  await user.click(lower[0]!);
  await user.click(screen.getByText('Allow back'));
  await user.click(screen.getByRole('button', { name: 'Manage Noor' }));
  await user.click(screen.getByLabelText('moderate'));
  await user.selectOptions(screen.getByLabelText('Role'), 'assistant');
  await user.click(screen.getByRole('button', { name: 'Ban' }));
  const dialog = screen.getByRole('dialog', { name: 'Ban Noor?' });
  await user.click(within(dialog).getByRole('button', { name: 'Ban' }));
  expect(room.sent).toEqual([
    { hand: { participant: 'b', raised: false } },
    { unban: { participant: 'c' } },
    { permit: { participant: 'a', permission: 'can_moderate', granted: true } },
    { setRole: { participant: 'a', role: 'assistant' } },
    { ban: { participant: 'a' } },
  ]);
});

test('settings send only what is different', async () => {
  const { room, user } = open();
  await user.click(screen.getByText('Settings'));
  await user.click(screen.getByLabelText('Questions may be supported'));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(room.sent).toEqual([{ configure: { upvotes: false } }]);
});

test('a lost connection is said, with what waits', async () => {
  const { room } = open();
  room.now({ connection: 'reconnecting', outbox: [{ ref: 1, command: { go: {} }, status: 'sending' }] });
  await tick();
  expect(screen.getByText(/Connection lost/)).toHaveTextContent('One step is waiting');
});

test('when the host is gone, an assistant takes over in one tap', async () => {
  const { room, user } = open({ you: { ...you(), role: 'assistant' }, integrity: integrity() });
  expect(screen.queryByRole('button', { name: 'Take over' })).toBeNull();
  room.now({ integrity: integrity({ noInstructor: true }) });
  await tick();
  expect(screen.getByRole('alert')).toHaveTextContent('The host is gone');
  expect(await breaches()).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'Take over' }));
  expect(room.sent).toEqual([{ takeOver: {} }]);
  room.now({ you: you() });
  await tick();
  expect(screen.queryByRole('button', { name: 'Take over' })).toBeNull();
});

test('who leads already, or has no line, is not asked to take over', async () => {
  const { room } = open({ integrity: integrity({ noInstructor: true }) });
  expect(screen.queryByRole('button', { name: 'Take over' })).toBeNull();
  room.now({ you: { ...you(), role: 'assistant' }, connection: 'reconnecting' });
  await tick();
  expect(screen.queryByRole('button', { name: 'Take over' })).toBeNull();
});

test('rounds stand side by side, in the chart and in its table', async () => {
  const tally = (round: number, counts: number[]) => ({ round, version: 1, voters: 4, counts, texts: [] });
  open({ polls: [poll({ status: 'closed', round: 2, tally: tally(2, [3, 1]), past: [tally(1, [1, 3])] })] });
  expect(screen.getByText('Round 1 (pale) beside round 2')).toBeVisible();
  const row = screen.getByRole('row', { name: /Tea/, hidden: true });
  expect(
    within(row)
      .getAllByRole('cell', { hidden: true })
      .map((c) => c.textContent),
  ).toEqual(['1', '25%', '3', '75%']);
});

test('words can be hidden from everybody', async () => {
  const { room, user } = open({
    polls: [
      poll({
        kind: 'wordCloud',
        options: [],
        status: 'open',
        tally: { round: 1, version: 1, voters: 2, counts: [], texts: [{ text: 'mud', count: 2, hidden: false }] },
      }),
    ],
  });
  await user.click(screen.getByRole('button', { name: 'Hide “mud” from everybody' }));
  expect(room.sent).toEqual([{ hideAnswer: { poll: 'p1', text: 'mud', hidden: true } }]);
});

test('is accessible', async () => {
  open({ questions: [question('q1', 'Why?')], people: [person('a', 'Noor', { handRaisedAt: AT })] });
  expect(await breaches()).toEqual([]);
});

test('leaving closes the connection', () => {
  const { room, view } = open();
  view.unmount();
  expect(room.closed).toBe(true);
});
