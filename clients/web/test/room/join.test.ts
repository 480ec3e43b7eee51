import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import Join from '../../src/room/join/Join.svelte';
import { cleanCode, keepSeat, seatOf } from '../../src/room/lib/codes';
import { english, expectAccessible } from './fake';

interface Call {
  path: string;
  body: unknown;
  authorization: string | undefined;
}
let calls: Call[] = [];
let answers: Record<string, () => [number, unknown]> = {};
const info = {
  liveSessionId: 's',
  title: 'Postgres in anger',
  status: 'active',
  needsName: false,
  scheduledStart: '2026-11-21T12:00:00Z',
};
const joined = { liveSessionId: 's', participantId: 'me', token: 'tok', url: '/live/ws' };

beforeEach(async () => {
  await english();
  localStorage.clear();
  calls = [];
  answers = { 'GET /join/K7Q2MP': () => [200, info], 'POST /join': () => [200, joined] };
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1', '');
    const headers = init.headers as Record<string, string>;
    calls.push({ path, body: init.body && JSON.parse(String(init.body)), authorization: headers.authorization });
    const [status, body] = answers[`${init.method} ${path}`]?.() ?? [404, { code: 'code_unknown' }];
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  history.replaceState(null, '', '/K7Q2MP');
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const arrives = () => vi.waitFor(() => expect(location.pathname).toBe('/r/K7Q2MP'));
const enter = () => render(Join, { code: 'K7Q2MP' });

test('codes are taken as people type them', () => {
  expect(cleanCode(' k7q-2mp ')).toBe('K7Q2MP');
  expect(cleanCode('K7Q 2MP')).toBe('K7Q2MP');
});

describe('the code form', () => {
  beforeEach(() => history.replaceState(null, '', '/'));

  test('goes to the code’s own address', async () => {
    render(Join, { code: '' });
    await expectAccessible();
    await userEvent.type(screen.getByLabelText('Code'), 'k7q 2mp');
    await userEvent.click(screen.getByRole('button', { name: 'Continue' }));
    expect(location.pathname).toBe('/K7Q2MP');
  });

  test.each([
    ['', 'Enter the code from the big screen.'],
    ['K7Q', 'A code has six characters. This has 3.'],
    ['K7Q2M0', 'Codes never contain 0. Please look again.'],
  ])('says beside the field what is wrong with “%s”', async (typed, fault) => {
    render(Join, { code: '' });
    const field = screen.getByLabelText('Code');
    if (typed) await userEvent.type(field, typed);
    await userEvent.click(screen.getByRole('button', { name: 'Continue' }));
    expect(screen.getByRole('alert')).toHaveTextContent(fault);
    expect(field).toHaveAttribute('aria-invalid', 'true');
    expect(field).toHaveAccessibleDescription(expect.stringContaining(fault));
    expect(field).toHaveFocus();
    expect(location.pathname).toBe('/');
  });
});

describe('from the QR code', () => {
  test('nothing to type: straight into the room, with a seat kept', async () => {
    enter();
    await arrives();
    expect(calls.map((c) => c.path)).toEqual(['/join/K7Q2MP', '/join']);
    expect(seatOf('K7Q2MP')).toEqual({ token: 'tok', participantId: 'me' });
  });

  test('a seat leads back without asking anybody', async () => {
    keepSeat('K7Q2MP', { token: 'tok', participantId: 'me' });
    enter();
    await arrives();
    expect(calls).toEqual([]);
  });

  test('a name is asked for only where it is wanted', async () => {
    answers['GET /join/K7Q2MP'] = () => [200, { ...info, needsName: true }];
    enter();
    const field = await screen.findByLabelText('Your name');
    expect(screen.getByRole('heading', { name: 'Postgres in anger' })).toBeVisible();
    await expectAccessible();
    await userEvent.click(screen.getByRole('button', { name: 'Join' }));
    expect(screen.getByRole('alert')).toHaveTextContent('Enter a name');
    await userEvent.type(field, ' Ada {Enter}');
    await arrives();
    expect(calls.at(-1)!.body).toEqual({ code: 'K7Q2MP', displayName: 'Ada' });
  });

  test('a refused token leads to the form, not into a circle', async () => {
    history.replaceState({ refused: true }, '', '/K7Q2MP');
    enter();
    expect(await screen.findByText(/Please join again/)).toBeVisible();
    expect(calls.map((c) => c.path)).toEqual(['/join/K7Q2MP']);
    await userEvent.click(screen.getByRole('button', { name: 'Join' }));
    await arrives();
  });

  test('waits for the host and goes on by itself', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    let status = 'scheduled';
    answers['GET /join/K7Q2MP'] = () => [200, { ...info, status }];
    enter();
    expect(await screen.findByRole('heading', { name: 'Not open yet' })).toBeVisible();
    answers['GET /join/K7Q2MP'] = () => [503, { code: 'unavailable' }];
    await vi.advanceTimersByTimeAsync(3_000);
    expect(screen.getByText('No connection right now. Still trying.')).toBeVisible();
    status = 'active';
    answers['GET /join/K7Q2MP'] = () => [200, { ...info, status }];
    await vi.advanceTimersByTimeAsync(3_000);
    await arrives();
  });

  test.each([
    ['code_unknown', 404, 'No session has this code'],
    ['session_ended', 410, 'This session has ended.'],
    ['session_full', 409, 'The session is full'],
    ['session_locked', 409, 'closed the door'],
    ['removed', 403, 'removed you'],
    ['rate_limited', 429, 'Too many attempts'],
    ['guests_not_allowed', 403, 'only for members'],
  ])('says %s in words', async (code, status, words) => {
    answers['POST /join'] = () => [status, { code }];
    enter();
    expect(await screen.findByText(new RegExp(words))).toBeVisible();
    await expectAccessible();
    expect(location.pathname).toBe('/K7Q2MP');
  });
});
