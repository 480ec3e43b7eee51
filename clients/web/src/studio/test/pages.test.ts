import { render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { Problem, type LiveSession, type Page } from '@atelier/sdk';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import App from '../App.svelte';
import { texts } from '../lib/i18n';
import { nextAfterLogin } from '../lib/links';
import { Notices } from '../lib/notices.svelte';
import Dashboard from '../pages/Dashboard.svelte';
import Login from '../pages/Login.svelte';
import Register from '../pages/Register.svelte';
import Results from '../pages/Results.svelte';
import de from '../../locales/studio.de';
import en from '../../locales/studio.en';
import { account, api, AT, breaches, live, poll, question, session } from './fakes';

beforeAll(() => texts.use('en'));
beforeEach(() => history.replaceState(null, '', '/studio'));

const page = (items: LiveSession[], next: string | null = null): Page<LiveSession> => ({ items, next });

function dashboard(given: Parameters<typeof api>[0]) {
  const notices = new Notices();
  const onunauthenticated = vi.fn();
  render(Dashboard, { api: api(given), account, notices, onsignout: vi.fn(), onunauthenticated });
  return { notices, onunauthenticated, user: userEvent.setup() };
}

test('the dashboard groups sessions and fetches more', async () => {
  const first = page(
    [live({ id: 'a', title: 'Tomorrow' }), live({ id: 'b', title: 'Running', status: 'active' })],
    'cursor',
  );
  const second = page([live({ id: 'c', title: 'Last week', status: 'ended' })]);
  const liveSessions = vi.fn().mockResolvedValueOnce(first).mockResolvedValueOnce(second);
  const { user } = dashboard({ liveSessions });
  await screen.findByText('Tomorrow');
  await user.click(screen.getByRole('button', { name: 'Show older sessions' }));
  await screen.findByText('Last week');
  expect(liveSessions.mock.calls[1]![0]).toMatchObject({ after: 'cursor' });
  expect(screen.getAllByRole('heading', { level: 2 }).map((h) => h.textContent)).toEqual(['Now', 'Coming up', 'Past']);
  expect(within(screen.getByRole('region', { name: 'Past' })).getByRole('link', { name: /Results/ })).toHaveAttribute(
    'href',
    '/studio/s/c/results',
  );
  expect(screen.queryByRole('button', { name: 'Show older sessions' })).toBeNull();
});

test('an empty dashboard says what to do, and a title is all it takes', async () => {
  const createLiveSession = vi.fn().mockResolvedValue(live({ id: 'new' }));
  const { user } = dashboard({ liveSessions: () => Promise.resolve(page([])), createLiveSession });
  await screen.findByText(/three steps away/);
  expect(await breaches()).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'New session' }));
  await user.click(screen.getByRole('button', { name: 'Create and prepare' }));
  expect(screen.getByLabelText('Title')).toHaveAccessibleDescription('Please give the session a title.');
  expect(createLiveSession).not.toHaveBeenCalled();
  await user.type(screen.getByLabelText('Title'), ' Locks ');
  await user.click(screen.getByRole('button', { name: 'Create and prepare' }));
  expect(createLiveSession).toHaveBeenCalledWith({ title: 'Locks', needsName: false, maxParticipants: 50 });
  expect(location.pathname).toBe('/studio/s/new');
});

test('a dashboard that cannot load says so and tries again', async () => {
  const liveSessions = vi
    .fn()
    .mockRejectedValueOnce(new Problem(503, 'unavailable'))
    .mockResolvedValueOnce(page([live()]));
  const { user } = dashboard({ liveSessions });
  expect(await screen.findByRole('alert')).toHaveTextContent('The server cannot be reached right now');
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('Locks');
});

test('a session that ran out leads to the sign-in', async () => {
  const { onunauthenticated } = dashboard({ liveSessions: () => Promise.reject(new Problem(401, 'unauthenticated')) });
  await vi.waitFor(() => expect(onunauthenticated).toHaveBeenCalled());
});

test('duplicate and edit', async () => {
  const duplicateLiveSession = vi.fn().mockResolvedValue(live({ id: 'copy', title: 'Locks (copy)' }));
  const updateLiveSession = vi.fn().mockResolvedValue(live({ id: 'copy', title: 'Locks again' }));
  const { user } = dashboard({
    liveSessions: () => Promise.resolve(page([live()])),
    duplicateLiveSession,
    updateLiveSession,
  });
  await screen.findByText('Locks');
  await user.click(screen.getByText('Duplicate'));
  const copy = await screen.findByRole('article', { name: 'Locks (copy)' });
  await user.click(within(copy).getByText('Edit'));
  await user.clear(screen.getByLabelText('Title'));
  await user.type(screen.getByLabelText('Title'), 'Locks again');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(updateLiveSession).toHaveBeenCalledWith('copy', {
    title: 'Locks again',
    needsName: false,
    maxParticipants: 50,
  });
  await screen.findByRole('article', { name: 'Locks again' });
});

test('signing in: faults beside the fields, the wrong password at the password', async () => {
  const login = vi.fn().mockRejectedValueOnce(new Problem(401, 'wrong_password')).mockResolvedValueOnce(account);
  const onsignedin = vi.fn();
  const user = userEvent.setup();
  render(Login, { api: api({ login }), onsignedin });
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(screen.getByLabelText('E-mail')).toHaveAccessibleDescription('Please enter your e-mail address.');
  expect(login).not.toHaveBeenCalled();
  await user.type(screen.getByLabelText('E-mail'), 'mira@example.org');
  await user.type(screen.getByLabelText('Password'), 'nope');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(await screen.findByText('E-mail and password do not belong together.')).toBeVisible();
  expect(screen.getByLabelText('Password')).toBeInvalid();
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  expect(onsignedin).toHaveBeenCalledWith(account);
  expect(await breaches()).toEqual([]);
});

test('registering says the rule beforehand, counts down, and puts a taken address at its field', async () => {
  const register = vi.fn().mockRejectedValueOnce(new Problem(409, 'email_taken')).mockResolvedValueOnce(account);
  const onsignedin = vi.fn();
  const user = userEvent.setup();
  render(Register, { api: api({ register }), onsignedin });
  expect(screen.getByLabelText('Password')).toHaveAccessibleDescription(/At least 10 characters/);
  await user.type(screen.getByLabelText('Password'), 'too short');
  expect(screen.getByLabelText('Password')).toHaveAccessibleDescription('One character to go.');
  await user.click(screen.getByRole('button', { name: 'Create account' }));
  expect(register).not.toHaveBeenCalled();
  expect(screen.getByLabelText('First name')).toBeInvalid();
  await user.type(screen.getByLabelText('Password'), ' no more');
  await user.type(screen.getByLabelText('First name'), 'Mira');
  await user.type(screen.getByLabelText('Last name'), 'Okafor');
  await user.type(screen.getByLabelText('Organization'), 'Nordlicht');
  await user.type(screen.getByLabelText('E-mail'), 'mira@example.org');
  await user.click(screen.getByRole('button', { name: 'Create account' }));
  expect(screen.getByLabelText('E-mail')).toHaveAccessibleDescription(/account with this e-mail already/);
  await user.type(screen.getByLabelText('E-mail'), '.uk');
  await user.click(screen.getByRole('button', { name: 'Create account' }));
  expect(onsignedin).toHaveBeenCalled();
  expect(register.mock.calls[1]![0]).toEqual({
    firstName: 'Mira',
    lastName: 'Okafor',
    organizationName: 'Nordlicht',
    email: 'mira@example.org.uk',
    password: 'too short no more',
  });
});

test('after signing in only pages of the studio are reached', () => {
  expect(nextAfterLogin('?next=/studio/s/0193a000-0000-7000-8000-000000000001/results')).toMatch(/results$/);
  for (const bad of [
    '//evil.example',
    'https://evil.example',
    '/studio/../x',
    '/studio/login',
    'javascript:alert(1)',
    '/studio//evil',
  ]) {
    expect(nextAfterLogin(`?next=${encodeURIComponent(bad)}`)).toBe('/studio');
  }
});

test('a stranger is sent to the sign-in and comes back to the page asked for', async () => {
  history.replaceState(null, '', '/studio/s/s1/results');
  const results = vi.fn().mockReturnValue(new Promise(() => {}));
  const me = () => Promise.reject(new Problem(401, 'unauthenticated'));
  render(App, { api: api({ me, login: () => Promise.resolve(account), results }) });
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText('E-mail'), 'mira@example.org');
  expect(location.pathname + location.search).toBe('/studio/login?next=%2Fstudio%2Fs%2Fs1%2Fresults');
  await user.type(screen.getByLabelText('Password'), 'long enough');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await vi.waitFor(() => expect(results).toHaveBeenCalledWith('s1'));
  expect(location.pathname).toBe('/studio/s/s1/results');
});

test('results show numbers, charts with tables, and questions with their answers', async () => {
  const state = {
    session: session({ status: 'ended' }),
    stage: { show: { lobby: {} }, highlighted: null },
    people: [],
    polls: [
      poll({ status: 'closed', openedAt: AT, tally: { round: 1, version: 1, voters: 4, counts: [3, 1], texts: [] } }),
      poll({
        id: 'p2',
        question: 'How sure?',
        kind: 'rating',
        status: 'closed',
        openedAt: AT,
        position: 1,
        tally: { round: 1, version: 1, voters: 4, counts: [1, 3], texts: [] },
      }),
      poll({
        id: 'p3',
        question: 'One word?',
        kind: 'wordCloud',
        options: [],
        status: 'closed',
        openedAt: AT,
        position: 2,
        tally: { round: 1, version: 1, voters: 2, counts: [], texts: [{ text: 'mud', count: 2, hidden: false }] },
      }),
      poll({ id: 'p4', question: 'Never asked', position: 3 }),
    ],
    questions: [
      question('q1', 'Why?', { upvotes: 2 }),
      question('q2', 'How?', { status: 'answered', answer: 'Slowly.', upvotes: 5 }),
    ],
  };
  const ended = live({ status: 'ended', participantCount: 8, actualStart: AT, actualEnd: '2026-05-04T10:45:00Z' });
  render(Results, {
    id: 's1',
    api: api({ results: () => Promise.resolve({ session: ended, state }) }),
    onunauthenticated: vi.fn(),
  });
  await screen.findByRole('heading', { level: 1, name: 'Locks' });
  const numbers = screen.getByText('joined').closest('dl')!;
  expect(
    within(numbers)
      .getAllByRole('definition')
      .map((d) => d.textContent),
  ).toEqual(['8', '45', '10', '2', '1', '50%']);
  const tea = screen.getByRole('article', { name: 'Tea or coffee?' });
  expect(within(tea).getByText('75%', { selector: 'b' })).toBeVisible();
  expect(within(tea).getByRole('table', { hidden: true })).toHaveTextContent('Tea');
  expect(screen.getByText('Mean 1.8')).toBeVisible();
  expect(within(screen.getByRole('article', { name: 'One word?' })).getByText('×2')).toBeVisible();
  expect(screen.queryByText('Never asked')).toBeNull();
  const asked = within(screen.getByRole('region', { name: 'Questions' })).getAllByRole('listitem');
  expect(asked.map((li) => li.querySelector('.body')!.textContent)).toEqual(['How?', 'Why?']);
  expect(asked[0]).toHaveTextContent('Slowly.');
  expect(await breaches()).toEqual([]);
});

test('both languages hold the same texts with the same places to fill in', () => {
  const places = (entry: string | { one: string; other: string }) =>
    typeof entry === 'string' ? (entry.match(/\{\w+\}/g) ?? []).sort() : (entry.other.match(/\{\w+\}/g) ?? []).sort();
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[])
    expect([key, places(de[key])]).toEqual([key, places(en[key])]);
});
