import { render, screen } from '@testing-library/svelte';
import type { RoomState, Stage } from '@atelier/sdk';
import { beforeEach, describe, expect, test } from 'vitest';
import { fitBars, seeded } from '../../src/room/screen/fit';
import ScreenView from '../../src/room/screen/ScreenView.svelte';
import { english, expectAccessible, FakeClient, poll, question, session, tally, you } from './fake';

beforeEach(english);

function wall(show: Stage, given: Partial<RoomState> = {}, highlighted: string | null = null): FakeClient {
  const wallYou = you({ participant: null, role: 'observer' });
  const client = new FakeClient({ you: wallYou, stage: { show, highlighted }, ...given });
  render(ScreenView, { client, code: 'K7Q2MP', origin: 'https://atelier.example' });
  return client;
}
const onPoll: Stage = { poll: { poll: 'p1' } };

test.each<[string, Stage, string]>([
  ['lobby', { lobby: {} }, 'Postgres in anger'],
  ['poll', onPoll, 'What next?'],
  ['question', { question: { question: 'q1' } }, 'How do we roll back?'],
  ['questions', { questions: {} }, 'How do we roll back?'],
  ['text', { text: { title: 'Back at 14:15', body: null } }, 'Back at 14:15'],
  ['timer', { timer: { title: 'Exercise 3', endsAt: '2030-01-01T00:00:00Z' } }, 'Exercise 3'],
  ['blank', { blank: {} }, 'Postgres in anger'],
])('%s: its content, and always the way in', async (_name, show, words) => {
  wall(show, { questions: [question()] });
  expect(screen.getByText(words)).toBeInTheDocument();
  expect(screen.getByText('atelier.example')).toBeVisible();
  expect(screen.getByText('K7Q')).toBeVisible();
  expect(screen.getByRole('img', { name: 'QR code for https://atelier.example/K7Q2MP' })).toBeInTheDocument();
  await expectAccessible();
});

describe('a poll', () => {
  test('percentages that sum to 100, counts, votes and people', async () => {
    const client = wall(onPoll, { polls: [poll({ tally: tally(1, [1, 1, 1]) })] });
    expect(screen.getAllByRole('listitem').map((li) => li.textContent!.match(/(\d+)%/)![1])).toEqual([
      '34',
      '33',
      '33',
    ]);
    expect(screen.getByText('3 votes')).toBeVisible();
    expect(screen.getByText('42 here')).toBeVisible();
    client.set({ polls: [poll({ tally: tally(2, [3, 1, 0]) })] });
    expect(await screen.findByText('75%')).toBeVisible();
  });

  test('an earlier round for comparison', () => {
    wall(onPoll, { polls: [poll({ round: 2, tally: tally(1, [1, 0, 0], 2), past: [tally(9, [1, 3, 0])] })] });
    expect(screen.getByText('Round 1: 75%')).toBeVisible();
  });

  test('hidden results stay hidden, the options do not', () => {
    wall(onPoll, { polls: [poll({ visibility: 'afterClose' })] });
    expect(screen.getByText('Results stay hidden for now.')).toBeVisible();
    expect(screen.getByText('Open questions')).toBeVisible();
    expect(screen.queryByText(/%/)).toBeNull();
  });

  test('a rating has its mean, open text its answers without the hidden ones', async () => {
    const client = wall(onPoll, { polls: [poll({ kind: 'rating', tally: tally(1, [0, 1, 1]) })] });
    expect(screen.getByText('2.5')).toBeVisible();
    await expectAccessible();
    const texts = ['Less coffee', 'Rude'].map((text, i) => ({ text, count: 1, hidden: i === 1 }));
    client.set({ polls: [poll({ kind: 'openText', options: [], tally: { ...tally(1, []), voters: 2, texts } })] });
    expect(await screen.findByText('Less coffee')).toBeVisible();
    expect(screen.queryByText('Rude')).toBeNull();
  });

  test('a word cloud has a list', async () => {
    const texts = [{ text: 'trust', count: 4, hidden: false }];
    wall(onPoll, { polls: [poll({ kind: 'wordCloud', options: [], tally: { ...tally(1, []), voters: 4, texts } })] });
    expect(screen.getByText('trust: 4')).toBeInTheDocument();
    screen.getByRole('button', { name: 'Show as list' }).click();
    expect(await screen.findByRole('button', { name: 'Show as cloud' })).toBeVisible();
    expect(screen.getByText('trust')).toBeVisible();
  });
});

test('the highlighted question lies over a poll', () => {
  wall(onPoll, { questions: [question({ upvotes: 23 })] }, 'q1');
  const banner = screen.getByRole('region', { name: 'On the big screen now' });
  expect(banner).toHaveTextContent('How do we roll back?');
  expect(banner).toHaveTextContent('23');
});

test('the end, and a link that does not work', async () => {
  const client = wall({ lobby: {} }, { session: session({ status: 'ended' }) });
  expect(screen.getByRole('heading', { name: 'Thank you.' })).toBeVisible();
  client.set({ connection: 'closed', closedCode: 4001, session: null });
  expect(await screen.findByRole('heading', { name: /link does not work/ })).toBeVisible();
  await expectAccessible();
});

test('what must fit, fits: never below the smallest size that can be read', () => {
  for (let count = 2; count <= 20; count++) {
    for (const height of [50, 57, 74]) {
      const { em, columns, dense } = fitBars(Array<string>(count).fill('A label'), height, false);
      expect(em).toBeGreaterThanOrEqual(2.6);
      expect(Math.ceil(count / columns) * em * (dense ? 3.1 : 3.95)).toBeLessThanOrEqual(Math.max(height, 57) + 0.01);
    }
  }
  const [a, b] = [seeded(7), seeded(7)];
  expect([a(), a()]).toEqual([b(), b()]);
});
