import { describe, expect, test } from 'vitest';
import type { ServerMessage } from '../src/protocol';
import { mean, percents, reduce, shares } from '../src/reduce';
import { EMPTY, type RoomState } from '../src/state';
import { poll, question, sessionState, tally, you } from './fake';

const run = (frames: ServerMessage[], from: RoomState = { ...EMPTY, you: you() }) => frames.reduce(reduce, from);
const snapshot = (seq = 5, state = sessionState()): ServerMessage => ({ type: 'snapshot', seq, state });
const vote = { poll: 'p1', round: 1, choice: { options: ['a'] }, at: '2026-11-21T12:03:07Z' };

describe('events', () => {
  test('replace by id, add, and take away', () => {
    const state = run([
      snapshot(),
      {
        type: 'events',
        after: 5,
        seq: 8,
        events: [
          { poll: poll({ status: 'closed' }) },
          { poll: poll({ id: 'p0', position: 0 }) },
          { poll: poll({ id: 'p1', position: 1, status: 'closed' }) },
          { question: question({ id: 'late', askedAt: '2026-11-21T12:09:00Z' }) },
          { question: question({ id: 'early' }) },
        ],
      },
    ]);
    expect(state.seq).toBe(8);
    expect(state.polls.map((p) => [p.id, p.status])).toEqual([
      ['p0', 'open'],
      ['p1', 'closed'],
    ]);
    expect(state.questions.map((q) => q.id)).toEqual(['early', 'late']);
    const after = run(
      [{ type: 'events', after: 8, seq: 9, events: [{ pollGone: 'p0' }, { questionGone: 'late' }] }],
      state,
    );
    expect(after.polls.map((p) => p.id)).toEqual(['p1']);
    expect(after.questions.map((q) => q.id)).toEqual(['early']);
  });

  test('already held ones change nothing, an overlap applies, a gap does not', () => {
    const held = run([snapshot()]);
    const gone = (after: number, seq: number): ServerMessage => ({
      type: 'events',
      after,
      seq,
      events: [{ pollGone: 'p1' }],
    });
    expect(run([gone(2, 5)], held)).toBe(held);
    expect(run([gone(7, 8)], held)).toBe(held);
    expect(run([gone(3, 6)], held).polls).toEqual([]);
  });

  test('earlier snapshots stay as they were', () => {
    const before = run([snapshot()]);
    const copy = structuredClone(before);
    run(
      [
        { type: 'tally', poll: 'p1', ...tally(1, [1, 0, 0]) },
        { type: 'presence', online: 4 },
      ],
      before,
    );
    expect(before).toEqual(copy);
  });
});

describe('tally', () => {
  const frame = (version: number, counts: number[], round = 1): ServerMessage => ({
    type: 'tally',
    poll: 'p1',
    ...tally(version, counts, round),
  });
  const counts = (state: RoomState) => state.polls[0]?.tally?.counts;

  test('newest version wins whatever the order of arrival', () => {
    expect(counts(run([snapshot(), frame(2, [2, 0, 0]), frame(1, [1, 0, 0])]))).toEqual([2, 0, 0]);
  });

  test('of an unknown poll or another round is dropped', () => {
    const held = run([snapshot(5, sessionState({ polls: [poll({ round: 2 })] }))]);
    expect(run([frame(9, [9, 0, 0], 1)], held)).toBe(held);
    expect(run([{ ...frame(9, [9]), poll: 'other' } as ServerMessage], held)).toBe(held);
  });

  test('a view with an older tally of the same round does not win; one of a new round does', () => {
    const held = run([snapshot(), frame(7, [7, 0, 0])]);
    const view = (given: object): ServerMessage => ({
      type: 'events',
      after: 5,
      seq: 6,
      events: [{ poll: poll(given) }],
    });
    expect(counts(run([view({ tally: tally(3, [3, 0, 0]) })], held))).toEqual([7, 0, 0]);
    expect(counts(run([view({ round: 2, tally: tally(0, [0, 0, 0], 2) })], held))).toEqual([0, 0, 0]);
  });

  test('a shared view without results hides them, unless they were earned by voting', () => {
    const hidden: ServerMessage = {
      type: 'events',
      after: 5,
      seq: 6,
      events: [{ poll: poll({ visibility: 'afterVote' }) }],
    };
    const held = run([snapshot(), frame(7, [7, 0, 0])]);
    expect(counts(run([hidden], held))).toBeUndefined();
    expect(counts(run([{ type: 'mine', changes: [{ vote }] }, hidden], held))).toEqual([7, 0, 0]);
    const never: ServerMessage = {
      type: 'events',
      after: 5,
      seq: 6,
      events: [{ poll: poll({ visibility: 'never' }) }],
    };
    expect(counts(run([{ type: 'mine', changes: [{ vote }] }, never], held))).toBeUndefined();
  });
});

test('what is mine: votes replace per poll, upvotes go on and off, own questions and name', () => {
  const state = run([
    {
      type: 'mine',
      changes: [
        { vote },
        { vote: { ...vote, round: 2 } },
        { upvote: { question: 'x', on: true } },
        { upvote: { question: 'y', on: true } },
        { upvote: { question: 'x', on: false } },
        { question: question({ status: 'pending' }) },
        { question: question({ status: 'dismissed' }) },
      ],
    },
  ]);
  expect(state.you?.votes).toEqual([{ ...vote, round: 2 }]);
  expect(state.you?.upvoted).toEqual(['y']);
  expect(state.you?.questions.map((q) => q.status)).toEqual(['dismissed']);
  expect(run([{ type: 'mine', changes: [{ you: you({ name: 'Ada' }) }] }], state).you?.name).toBe('Ada');
});

test('upvotes, presence and integrity', () => {
  const integrity = {
    joined: 9,
    connected: 8,
    poll: 'p1',
    answered: 5,
    unanswered: 3,
    refusedDuplicates: 1,
    noInstructor: false,
  };
  const state = run([
    snapshot(5, sessionState({ questions: [question()] })),
    { type: 'upvotes', counts: [{ question: 'q1', upvotes: 23 }] },
    { type: 'presence', online: 212 },
    { type: 'integrity', ...integrity },
  ]);
  expect(state.questions[0]?.upvotes).toBe(23);
  expect(state.online).toBe(212);
  expect(state.integrity).toEqual(integrity);
});

test('a frame of a later protocol changes nothing', () => {
  expect(run([{ type: 'confetti' } as unknown as ServerMessage], EMPTY)).toBe(EMPTY);
});

test('percents sum to 100 by largest remainder', () => {
  expect(percents([1, 1, 1])).toEqual([34, 33, 33]);
  expect(percents([71, 37, 52, 28])).toEqual([38, 20, 27, 15]);
  expect(percents([0, 0])).toEqual([0, 0]);
  for (let seed = 1; seed < 200; seed++) {
    const counts = Array.from({ length: 2 + (seed % 9) }, (_, i) => (seed * 7919 * (i + 3)) % 97);
    if (counts.some((n) => n > 0)) expect(percents(counts).reduce((a, b) => a + b)).toBe(100);
  }
});

test('shares of a multiple choice are of the voters', () => {
  expect(shares('multiple', { counts: [3, 2, 1], voters: 4 })).toEqual([75, 50, 25]);
  expect(shares('multiple', { counts: [0, 0], voters: 0 })).toEqual([0, 0]);
  expect(shares('single', { counts: [3, 1], voters: 4 })).toEqual([75, 25]);
});

test('mean counts numeric labels as themselves', () => {
  expect(mean([0, 0, 2, 2])).toBe(3.5);
  expect(mean([1, 1], ['0', '10'])).toBe(5);
  expect(mean([1, 1], ['low', '10'])).toBe(1.5);
  expect(mean([0, 0])).toBeNull();
});
