/** Whose refusal it is, and what became of a socket that only one of several nodes has seen. */
import { afterEach, expect, test, vi } from 'vitest';
import { findAttempt, isLimit } from '../../src/diagnose/measure';

const answer = (status: number, body: unknown, type = 'application/json') =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });
const problem = (status: number, code: string) => answer(status, { code }, 'application/problem+json');
const unseen = () => answer(200, { arrived: false, upgrade: false, refused: false });

/** Answers in turn, the last one again and again; says how many were asked for. */
function answers(...all: (() => Response)[]): () => number {
  const asked = vi.fn(() => Promise.resolve(all[Math.min(asked.mock.calls.length, all.length) - 1]!()));
  vi.stubGlobal('fetch', asked);
  return () => asked.mock.calls.length;
}

afterEach(() => vi.unstubAllGlobals());

test('only our own words are a limit of ours', async () => {
  expect(await isLimit(problem(429, 'rate_limited'))).toBe(true);
  expect(await isLimit(problem(503, 'unavailable'))).toBe(true);
  expect(await isLimit(problem(403, 'forbidden'))).toBe(false);
  expect(await isLimit(answer(429, { code: 'rate_limited' }, 'text/html'))).toBe(false);
  expect(await isLimit(new Response('Service Unavailable', { status: 503 }))).toBe(false);
  const kept = problem(429, 'rate_limited');
  await isLimit(kept);
  expect(await kept.json()).toEqual({ code: 'rate_limited' });
});

test('a node that has not seen a socket is not believed at once', async () => {
  const stripped = { arrived: true, upgrade: false, refused: false };
  answers(...Array<() => Response>(22).fill(unseen), () => answer(200, stripped));
  expect(await findAttempt('x')).toEqual({ attempt: stripped });
  const asked = answers(unseen);
  expect(await findAttempt('x')).toEqual({
    attempt: { arrived: false, upgrade: false, refused: false },
    limited: false,
  });
  expect(asked()).toBe(24);
});

test('whoever is told to wait asks no more', async () => {
  const asked = answers(unseen, unseen, unseen, unseen, () => problem(429, 'rate_limited'));
  expect((await findAttempt('x')).limited).toBe(true);
  expect(asked()).toBe(8);
});
