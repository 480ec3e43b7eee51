import { render, screen, waitFor } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import type { PollDraft, PollView } from '@atelier/sdk';
import { beforeAll, expect, test, vi } from 'vitest';
import PollEditor from '../console/PollEditor.svelte';
import { texts } from '../lib/i18n';
import { breaches, poll } from './fakes';

beforeAll(() => texts.use('en'));

function editor(edited?: PollView, saved = true) {
  const onsave = vi.fn<(draft: PollDraft) => Promise<boolean>>(() => Promise.resolve(saved));
  const onclose = vi.fn();
  render(PollEditor, { poll: edited, onsave, onclose });
  return { onsave, onclose, user: userEvent.setup() };
}

const save = () => screen.getByRole('button', { name: 'Add to the plan' });

test('a single choice poll leaves out empty answers', async () => {
  const { onsave, onclose, user } = editor();
  await user.type(screen.getByLabelText('Question'), '  Tea or coffee? ');
  await user.type(screen.getByLabelText('Answer A'), 'Tea');
  await user.type(screen.getByLabelText('Answer B'), 'Coffee{Enter}');
  await screen.findByLabelText('Answer C');
  await user.click(save());
  const draft = onsave.mock.calls[0]![0];
  expect(draft).toMatchObject({
    question: 'Tea or coffee?',
    kind: 'single',
    visibility: 'afterClose',
    allowChange: true,
  });
  expect(draft.options!.map((o) => o.label)).toEqual(['Tea', 'Coffee']);
  expect(new Set(draft.options!.map((o) => o.id)).size).toBe(2);
  expect(Object.keys(draft)).not.toContain('seconds');
  expect(onclose).toHaveBeenCalled();
});

test('multiple choice takes bounds, and says when they cannot be', async () => {
  const { onsave, user } = editor();
  await user.click(screen.getByRole('radio', { name: /Multiple choice/ }));
  await user.type(screen.getByLabelText('Question'), 'Which?');
  await user.type(screen.getByLabelText('Answer A'), 'One');
  await user.type(screen.getByLabelText('Answer B'), 'Two');
  await user.type(screen.getByLabelText('At most'), '3');
  await user.click(save());
  expect(onsave).not.toHaveBeenCalled();
  expect(screen.getByLabelText('At most')).toHaveAccessibleDescription(/between/);
  await user.clear(screen.getByLabelText('At most'));
  await user.type(screen.getByLabelText('At most'), '2');
  await user.click(save());
  expect(onsave.mock.calls[0]![0]).toMatchObject({ kind: 'multiple', minChoices: 1, maxChoices: 2 });
});

test('a rating makes its steps and carries the labels of its ends', async () => {
  const { onsave, user } = editor();
  await user.click(screen.getByRole('radio', { name: /Rating/ }));
  await user.type(screen.getByLabelText('Question'), 'How sure are you?');
  await user.selectOptions(screen.getByLabelText('Steps'), '7');
  await user.type(screen.getByLabelText(/Low end/), 'not at all');
  await user.click(save());
  const draft = onsave.mock.calls[0]![0];
  expect(draft.options!.map((o) => o.label)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  expect(draft.lowLabel).toBe('not at all');
  expect(draft).not.toHaveProperty('highLabel');
});

test('an open text has no answers, a word cloud counts words', async () => {
  const { onsave, user } = editor();
  await user.type(screen.getByLabelText('Question'), 'What do you take home?');
  await user.click(screen.getByRole('radio', { name: /Open text/ }));
  await user.click(screen.getByRole('button', { name: 'Add and write another' }));
  expect(onsave.mock.calls[0]![0]).not.toHaveProperty('options');
  expect(screen.getByLabelText('Question')).toHaveValue('');
  await user.type(screen.getByLabelText('Question'), 'One word?');
  await user.click(screen.getByRole('radio', { name: /Word cloud/ }));
  await user.selectOptions(screen.getByLabelText('Words per person'), '2');
  await user.click(save());
  expect(onsave.mock.calls[1]![0]).toMatchObject({ kind: 'wordCloud', maxChoices: 2 });
});

test('faults stand beside their fields and nothing is sent', async () => {
  const { onsave, user } = editor();
  await user.type(screen.getByLabelText('Answer A'), 'same');
  await user.type(screen.getByLabelText('Answer B'), 'SAME');
  await user.click(save());
  expect(onsave).not.toHaveBeenCalled();
  expect(screen.getByLabelText('Question')).toHaveAccessibleDescription('Please write the question.');
  expect(screen.getByText('Two answers are the same.')).toBeVisible();
  await waitFor(() => expect(screen.getByLabelText('Question')).toHaveFocus());
});

test('the timer has bounds', async () => {
  const { onsave, user } = editor();
  await user.type(screen.getByLabelText('Question'), 'Quick?');
  await user.click(screen.getByRole('radio', { name: /Open text/ }));
  await user.click(screen.getByText('Timer and changes'));
  await user.type(screen.getByLabelText('Close by itself after'), '3');
  await user.click(save());
  expect(onsave).not.toHaveBeenCalled();
  await user.type(screen.getByLabelText('Close by itself after'), '0');
  await user.click(save());
  expect(onsave.mock.calls[0]![0].seconds).toBe(30);
});

test('with votes the answers can be reworded only, and keep their ids', async () => {
  const { onsave, user } = editor(
    poll({ status: 'closed', tally: { round: 1, version: 1, voters: 2, counts: [1, 1], texts: [] } }),
  );
  expect(screen.queryByRole('button', { name: 'Add answer' })).toBeNull();
  expect(screen.queryByRole('radio')).toBeNull();
  await user.clear(screen.getByLabelText('Answer A'));
  await user.type(screen.getByLabelText('Answer A'), 'Green tea');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(onsave.mock.calls[0]![0].options).toEqual([
    { id: 'a', label: 'Green tea' },
    { id: 'b', label: 'Coffee' },
  ]);
});

test('a refused poll stays in the editor', async () => {
  const { onclose, onsave, user } = editor(poll(), false);
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(onsave).toHaveBeenCalled();
  expect(onclose).not.toHaveBeenCalled();
});

test('answers move by buttons', async () => {
  const { onsave, user } = editor(poll());
  await user.click(screen.getByRole('button', { name: 'Move answer A down' }));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(onsave.mock.calls[0]![0].options!.map((o) => o.label)).toEqual(['Coffee', 'Tea']);
});

test('is accessible', async () => {
  editor();
  expect(await breaches()).toEqual([]);
});
