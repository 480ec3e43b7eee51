import { expect, test, vi } from 'vitest';
import { newId } from '../src/ids';
import { Api, join, joinInfo, Problem } from '../src/rest';

const answer = (status: number, body?: unknown, headers: Record<string, string> = {}) =>
  vi.fn<typeof fetch>(() =>
    Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers })),
  );

test('sends JSON with the token and gives the body back', async () => {
  const fetch = answer(200, { token: 't' });
  await expect(join({ fetch, token: 'old', base: 'http://host/api/v1' }, 'K7Q2MP', 'Ada')).resolves.toEqual({
    token: 't',
  });
  const [url, init] = fetch.mock.calls[0]!;
  expect(url).toBe('http://host/api/v1/join');
  expect(init).toMatchObject({ method: 'POST', body: '{"code":"K7Q2MP","displayName":"Ada"}' });
  expect(init!.headers).toMatchObject({ authorization: 'Bearer old', 'content-type': 'application/json' });
});

test('a name that is not given is not sent', async () => {
  const fetch = answer(200, {});
  await join({ fetch }, 'K7Q2MP', '');
  expect(fetch.mock.calls[0]![1]!.body).toBe('{"code":"K7Q2MP"}');
});

test('a problem carries its code, its fields and the wait', async () => {
  const body = {
    code: 'rate_limited',
    detail: 'Slow down.',
    errors: [{ field: 'code', code: 'invalid', message: 'No.' }],
  };
  const problem = (await joinInfo(
    { fetch: answer(429, body, { 'retry-after': '30', 'x-request-id': 'r1' }) },
    'X',
  ).catch((e) => e)) as Problem;
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({
    status: 429,
    code: 'rate_limited',
    message: 'Slow down.',
    retryAfter: 30,
    requestId: 'r1',
  });
  expect(problem.errors).toHaveLength(1);
});

test('a proxy’s error page and a dead line are problems too', async () => {
  const html: typeof fetch = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 }));
  await expect(joinInfo({ fetch: html }, 'X')).rejects.toMatchObject({ status: 502, code: 'internal' });
  const dead: typeof fetch = () => Promise.reject(new TypeError('failed to fetch'));
  await expect(joinInfo({ fetch: dead }, 'X')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
});

test('pages, empty answers and the code in the path', async () => {
  const fetch = answer(200, { items: [], next: null });
  const api = new Api({ fetch });
  await api.liveSessions({ status: 'active', limit: 20 });
  await api.joinInfo('a/b');
  expect(fetch.mock.calls.map((c) => c[0])).toEqual([
    '/api/v1/live-sessions?status=active&limit=20',
    '/api/v1/join/a%2Fb',
  ]);
  const gone = answer(204);
  await expect(new Api({ fetch: gone }).revokeLink('s', 'l')).resolves.toBeUndefined();
  expect(gone.mock.calls[0]![1]!.method).toBe('DELETE');
});

test('ids are UUIDs of version 7 and sort by time', () => {
  const ids = [newId(1_000), newId(2_000), newId(Date.now())];
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
});
