import { render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { Problem, type CollabLevel, type Collaborator, type VersionView } from '@atelier/sdk';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { texts as editorTexts } from '../../editor/texts';
import { texts as ours } from '../documents/texts';
import { texts } from '../lib/i18n';
import { nextAfterLogin } from '../lib/links';
import { Notices } from '../lib/notices.svelte';
import PlanPage from '../pages/PlanPage.svelte';
import Plans from '../pages/Plans.svelte';
import Summaries from '../pages/Summaries.svelte';
import SummaryPage from '../pages/SummaryPage.svelte';
import de from '../../locales/documents.de';
import en from '../../locales/documents.en';
import { agenda, LocalSession, plan, planRow, summary } from './documents';
import { account as host, api, AT, breaches, live } from './fakes';

const account = { ...host, permissions: ['live.create', 'builder.edit', 'coaching.own'] };

beforeAll(() => Promise.all([texts.use('en'), ours.use('en'), editorTexts.use('en')]));
beforeEach(() => history.replaceState(null, '', '/studio/plans'));

const around = () => ({ account, notices: new Notices(), onsignout: vi.fn(), onunauthenticated: vi.fn() });

test('plans are listed page by page, and where there are none the page helps', async () => {
  const plans = vi
    .fn()
    .mockResolvedValueOnce({ items: [planRow({ durationMinutes: 90 })], next: 'b1' })
    .mockResolvedValueOnce({ items: [planRow(), planRow({ id: 'b2', title: 'Code review' })], next: null });
  render(Plans, { api: api({ plans }), ...around() });
  const user = userEvent.setup();
  const first = await screen.findByRole('link', { name: 'Postgres in anger' });
  expect(first).toHaveAttribute('href', '/studio/plans/b1');
  expect(first.closest('article')).toHaveTextContent('Draft');
  expect(first.closest('article')).toHaveTextContent('90 minutes');
  expect(screen.getByRole('link', { name: 'Plans' })).toHaveAttribute('aria-current', 'page');
  await user.click(screen.getByRole('button', { name: 'Show more' }));
  await screen.findByRole('link', { name: 'Code review' });
  expect(plans.mock.calls[1]![0]).toMatchObject({ after: 'b1' });
  expect(screen.getAllByRole('article')).toHaveLength(2);
  expect(await breaches()).toEqual([]);
});

test('a new plan asks for what it needs, says what is wrong beside the field, and leads to its page', async () => {
  const createPlan = vi
    .fn()
    .mockRejectedValueOnce(
      new Problem(422, 'invalid', { errors: [{ field: 'title', code: 'invalid', message: 'Too long.' }] }),
    )
    .mockResolvedValueOnce(plan({ id: 'new' }));
  render(Plans, { api: api({ plans: () => Promise.resolve({ items: [], next: null }), createPlan }), ...around() });
  const user = userEvent.setup();
  await screen.findByText('Plan a training together');
  await user.click(screen.getByRole('button', { name: 'New plan' }));
  await user.click(screen.getByRole('button', { name: 'Create and write' }));
  expect(createPlan).not.toHaveBeenCalled();
  expect(screen.getByLabelText('Audience')).toHaveAccessibleDescription('Please say whom it is for.');
  await user.type(screen.getByLabelText('Title'), ' Locks ');
  await user.type(screen.getByLabelText('Audience'), 'Developers');
  await user.type(screen.getByLabelText('Objective'), 'Know them');
  await user.click(screen.getByRole('button', { name: 'Create and write' }));
  expect(await screen.findByText('Too long.')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Create and write' }));
  expect(createPlan).toHaveBeenLastCalledWith({ title: 'Locks', audience: 'Developers', objective: 'Know them' });
  await vi.waitFor(() => expect(location.pathname).toBe('/studio/plans/new'));
});

test('whoever may not make plans is not asked to', async () => {
  render(Plans, { api: api({ plans: () => Promise.resolve({ items: [], next: null }) }), ...around(), account: host });
  await screen.findByText('Plan a training together');
  expect(screen.queryByRole('button', { name: 'New plan' })).toBeNull();
});

test('a summary of a past session takes its day from it', async () => {
  const createSummary = vi.fn().mockResolvedValue(summary());
  const ended = live({ id: 's9', title: 'Part one', status: 'ended', actualStart: '2026-04-01T10:00:00' });
  render(Summaries, {
    api: api({
      summaries: () => Promise.resolve({ items: [], next: null }),
      liveSessions: () => Promise.resolve({ items: [ended], next: null }),
      createSummary,
    }),
    ...around(),
  });
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'New summary' }));
  await user.type(screen.getByLabelText('Client'), 'Noor Haddad');
  await user.selectOptions(await screen.findByLabelText(/Live session/), 's9');
  await user.click(screen.getByRole('button', { name: 'Create and write' }));
  expect(createSummary).toHaveBeenCalledWith({
    clientName: 'Noor Haddad',
    sessionDate: '2026-04-01',
    liveSession: 's9',
  });
  await vi.waitFor(() => expect(location.pathname).toBe('/studio/summaries/z1'));
});

async function planPage(given: Parameters<typeof api>[0] = {}, view = plan()) {
  const local = new LocalSession();
  local.doc.getText('title').insert(0, view.title);
  agenda(local.doc, ['Welcome', 'Locks', 'Questions']);
  const notices = new Notices();
  const rest = api({ plan: () => Promise.resolve(view), ...given });
  render(PlanPage, { api: rest, account, id: 'b1', notices, onunauthenticated: vi.fn(), open: () => local.session });
  await screen.findByRole('textbox', { name: 'Title' });
  return { local, notices, user: userEvent.setup() };
}

const parts = (): string[] =>
  within(screen.getByRole('list', { name: 'Agenda' }))
    .getAllByRole<HTMLInputElement>('textbox', { name: 'What is this part called?' })
    .map((box) => box.value);

test('the agenda is put into order with the keyboard, and its minutes are added up', async () => {
  const { user } = await planPage({}, plan({ durationMinutes: 50 }));
  expect(parts()).toEqual(['Welcome', 'Locks', 'Questions']);
  expect(screen.getByText('60 of 50 minutes')).toBeVisible();
  expect(screen.getByText('10 minutes too long')).toBeVisible();
  screen.getByRole('button', { name: 'Move Questions' }).focus();
  await user.keyboard('{ArrowUp}');
  await vi.waitFor(() => expect(parts()).toEqual(['Welcome', 'Questions', 'Locks']));
  expect(screen.getByRole('button', { name: 'Move Questions' })).toHaveFocus();
  await user.keyboard('{Home}');
  await vi.waitFor(() => expect(parts()).toEqual(['Questions', 'Welcome', 'Locks']));
  const minutes = screen.getByRole('spinbutton', { name: 'Minutes for Welcome' });
  await user.clear(minutes);
  await user.type(minutes, '5{Tab}');
  expect(await screen.findByText('55 of 50 minutes')).toBeVisible();
  expect(await breaches()).toEqual([]);
});

test('a part that was removed comes back, unless something was written since', async () => {
  const { user, notices } = await planPage();
  const row = () => screen.getByRole('list', { name: 'Agenda' }).querySelector<HTMLElement>('[data-id="id-1"]')!;
  await user.click(within(row()).getByText('Remove'));
  await vi.waitFor(() => expect(parts()).toEqual(['Welcome', 'Questions']));
  notices.list.at(-1)!.action!.run();
  await vi.waitFor(() => expect(parts()).toEqual(['Welcome', 'Locks', 'Questions']));
  await user.click(within(row()).getByText('Remove'));
  await user.type(screen.getByRole('textbox', { name: 'Title' }), '!');
  notices.list.at(-1)!.action!.run();
  expect(parts()).toEqual(['Welcome', 'Questions']);
  expect(notices.list.at(-1)!.text).toMatch(/written since/);
});

test('what is wrong with a field is said at the field, until it is right', async () => {
  const { local } = await planPage();
  const error = { code: 'document_invalid', fields: [{ field: 'title', why: 'blank' }] };
  local.say({ type: 'materialised', error });
  await screen.findByText('This must not be blank: lists still show the last good one.');
  expect(screen.getByRole('textbox', { name: 'Title' })).toBeInvalid();
  local.say({ type: 'materialised', error: null });
  await vi.waitFor(() => expect(screen.getByRole('textbox', { name: 'Title' })).toBeValid());
});

test.each([
  ['document_refused', /could not be taken over into lists and reports/],
  ['document_unreadable', /cannot be read for lists and reports/],
])('when the whole is not taken over, that is said: %s', async (code, words) => {
  const { local } = await planPage();
  local.say({ type: 'materialised', error: { code, fields: [] } });
  expect(await screen.findByText(words)).toBeVisible();
  local.say({ type: 'materialised', error: null });
  await vi.waitFor(() => expect(screen.queryByText(words)).toBeNull());
});

test('a schedule that somebody else has changed is not written over by accident', async () => {
  const updatePlan = vi
    .fn()
    .mockRejectedValueOnce(new Problem(409, 'conflict'))
    .mockResolvedValueOnce(plan({ lockVersion: 5, durationMinutes: 90 }));
  const get = vi
    .fn()
    .mockResolvedValueOnce(plan())
    .mockResolvedValue(plan({ lockVersion: 4, durationMinutes: 120 }));
  const { user } = await planPage({ updatePlan, plan: get });
  await user.type(screen.getByLabelText('Minutes planned'), '90');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText(/It now says: No date yet, 120 minutes/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Save mine all the same' }));
  expect(updatePlan.mock.calls).toEqual([
    ['b1', 3, { durationMinutes: 90 }],
    ['b1', 4, { durationMinutes: 90 }],
  ]);
  await vi.waitFor(() => expect(screen.queryByText(/somebody else/i)).toBeNull());
  expect(screen.getByText('60 of 90 minutes')).toBeVisible();
});

test('versions: by day, compared in words, brought back, and that undone', async () => {
  const version = (id: string, change: Partial<VersionView> = {}): VersionView => ({
    id,
    seq: 1,
    reason: 'scheduled',
    label: null,
    authors: [{ id: 'u2', displayName: 'Bo' }],
    createdBy: null,
    createdAt: AT,
    ...change,
  });
  const list = [version('v2', { label: 'Sent', reason: 'manual' }), version('v1')];
  const versions = vi
    .fn()
    .mockResolvedValueOnce({ items: list, next: null })
    .mockResolvedValue({ items: [version('v3', { reason: 'restore' }), ...list], next: null });
  const versionDiff = vi.fn().mockResolvedValue({
    fields: [{ field: 'title', html: '<del>Old</del><ins>New</ins>', items: [] }],
  });
  const restoreVersion = vi.fn().mockResolvedValue(undefined);
  const { user, notices } = await planPage({ versions, versionDiff, restoreVersion });
  await user.click(screen.getByRole('button', { name: 'Versions' }));
  const dialog = within(await screen.findByRole('dialog', { name: 'Versions' }));
  await user.click(await dialog.findByRole('button', { name: /Sent/ }));
  expect(versionDiff).toHaveBeenCalledWith('builder_session:b1', 'v2', 'now');
  const shown = (await dialog.findByText('New')).closest('section')!;
  // Read aloud the change is told, too.
  expect(shown.textContent).toMatch(/Removed: Old \(end\)Added: New \(end\)/);
  await user.click(dialog.getByRole('button', { name: 'Changes in it' }));
  expect(versionDiff).toHaveBeenLastCalledWith('builder_session:b1', 'v1', 'v2');
  await user.click(dialog.getByRole('button', { name: 'Bring back' }));
  const confirm = within(await screen.findByRole('dialog', { name: /Bring back the version/ }));
  await user.click(confirm.getByRole('button', { name: 'Bring back' }));
  await vi.waitFor(() => expect(restoreVersion).toHaveBeenCalledWith('builder_session:b1', 'v2'));
  await vi.waitFor(() => expect(notices.list.at(-1)?.action).toBeDefined());
  notices.list.at(-1)!.action!.run();
  expect(restoreVersion).toHaveBeenLastCalledWith('builder_session:b1', 'v3');
});

test('people are found by name, invited, and taken off the list', async () => {
  let list: Collaborator[] = [];
  const collaborators = () => Promise.resolve({ items: list, next: null });
  const members = vi.fn().mockResolvedValue({
    items: [
      { id: 'u1', displayName: 'Bonnie Mira' },
      { id: 'u2', displayName: 'Bo' },
    ],
    next: null,
  });
  const setCollaborator = vi.fn((_document: string, id: string, level: CollabLevel) => {
    list = [{ id, displayName: 'Bo', level, createdAt: AT }];
    return Promise.resolve(list[0]!);
  });
  const removeCollaborator = vi.fn(() => Promise.resolve(void (list = [])));
  const { user } = await planPage({ collaborators, members, setCollaborator, removeCollaborator });
  await user.click(screen.getByRole('button', { name: 'Share' }));
  await user.type(await screen.findByLabelText('Find somebody'), 'Bo');
  // Oneself is not offered.
  await user.click(await screen.findByRole('button', { name: 'Invite: Bo' }));
  expect(setCollaborator).toHaveBeenCalledWith('builder_session:b1', 'u2', 'edit');
  await user.selectOptions(await screen.findByLabelText('What Bo may do'), 'view');
  expect(setCollaborator).toHaveBeenLastCalledWith('builder_session:b1', 'u2', 'view');
  await user.click(screen.getByRole('button', { name: 'Take Bo off the list' }));
  expect(removeCollaborator).toHaveBeenCalledWith('builder_session:b1', 'u2');
  await screen.findByText('Nobody was invited yet.');
});

test('a summary is approved when there is something to approve, stays as it is, and is reopened', async () => {
  history.replaceState(null, '', '/studio/summaries/z1');
  const local = new LocalSession();
  const approved = summary({ status: 'approved', approvedAt: AT, mayEdit: false });
  const approveSummary = vi
    .fn()
    .mockRejectedValueOnce(new Problem(422, 'nothing_to_approve' as never))
    .mockResolvedValueOnce(approved);
  const reopenSummary = vi.fn().mockResolvedValue(summary());
  render(SummaryPage, {
    api: api({ summary: () => Promise.resolve(summary()), approveSummary, reopenSummary }),
    account,
    id: 'z1',
    notices: new Notices(),
    onunauthenticated: vi.fn(),
    open: () => local.session,
  });
  const user = userEvent.setup();
  await user.click(await screen.findByRole('button', { name: 'Approve' }));
  expect(await screen.findByText(/Write the text for the client first/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Add an action item' }));
  const item = await screen.findByRole('textbox', { name: 'What is to be done?' });
  expect(item).toHaveFocus();
  await user.type(item, 'Send slides');
  await user.type(screen.getByLabelText('Who does it: Send slides'), 'Mira{Tab}');
  await user.click(screen.getByRole('checkbox', { name: 'Done: Send slides' }));
  const made = [...local.doc.getMap('actions').values()][0] as { toJSON: () => Record<string, unknown> };
  expect(made.toJSON()).toMatchObject({ text: 'Send slides', owner: 'Mira', done: true });
  expect(await breaches()).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'Approve' }));
  expect(await screen.findByText(/It stays as it is; reopen it/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Reopen' }));
  const dialog = within(await screen.findByRole('dialog', { name: 'Reopen this summary?' }));
  await user.click(dialog.getByRole('button', { name: 'Reopen' }));
  await screen.findByRole('button', { name: 'Approve' });
});

test('after signing in one comes back to plans and summaries, too', () => {
  for (const path of ['/studio/plans', '/studio/plans/0193a000', '/studio/summaries', '/studio/summaries/0193a000'])
    expect(nextAfterLogin(`?next=${encodeURIComponent(path)}`)).toBe(path);
  expect(nextAfterLogin('?next=/studio/plans/a/b')).toBe('/studio');
});

test('both languages hold the same texts with the same places to fill in', () => {
  const places = (entry: string | { one: string; other: string }) =>
    ((typeof entry === 'string' ? entry : entry.other).match(/\{\w+\}/g) ?? []).sort();
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[])
    expect([key, places(de[key])]).toEqual([key, places(en[key])]);
});
