/** Bad input and bad days, as people see them. */
import { expect, test } from './support/test';
import { bars } from './support/hands';
import { OwnServer } from './support/server';
import { draft, PASSWORD, Workshop } from './support/workshop';

test('a code that nobody has, and one that cannot be', async ({ house }) => {
  const page = await house.phone();
  await page.goto('/');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toHaveText('Enter the code from the big screen.');
  await page.getByLabel('Code').fill('abc');
  await page.getByLabel('Code').press('Enter');
  await expect(page.getByRole('alert')).toHaveText('A code has six characters. This has 3.');
  await page.getByLabel('Code').fill('0O1ILU');
  await page.getByLabel('Code').press('Enter');
  await expect(page.getByRole('alert')).toContainText('Codes never contain 0');
  await expect(page.getByLabel('Code')).toBeFocused();
  await page.getByLabel('Code').fill('ZZZZZ2');
  await page.getByLabel('Code').press('Enter');
  await expect(page.getByRole('alert')).toHaveText('No session has this code. Please compare it with the big screen.');
  await expect(page.getByLabel('Code')).toHaveAttribute('aria-invalid', 'true');
  await page.goto('/r/ZZZZZ2');
  await expect(page.getByRole('alert')).toHaveText('No session has this code. Please compare it with the big screen.');
});

test('a session that has not started, is full, has ended', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'One seat', maxParticipants: 1 });
  const first = await house.phone();
  await first.goto(`/${stage.code}`);
  await expect(first.getByRole('heading', { name: 'Not open yet' })).toBeVisible();
  await stage.do({ start: {} });
  // The page that waits goes on by itself.
  await expect(first.getByText('You are in.')).toBeVisible();
  const second = await house.phone();
  await second.goto(`/${stage.code}`);
  await expect(second.getByRole('alert')).toContainText('The session is full.');
  await stage.do({ go: {} });
  await stage.do({ end: {} });
  await expect(first.getByRole('heading', { name: 'The workshop has ended.' })).toBeVisible();
  await second.goto(`/${stage.code}`);
  await expect(second.getByRole('alert')).toHaveText('This session has ended.');
});

test('who was banned cannot come back; who was removed can', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Manners', needsName: true });
  await stage.begin();
  const page = await house.phone();
  await page.goto(`/${stage.code}`);
  await page.getByLabel('Your name').fill('Loki');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByText('Nothing to vote on right now.')).toBeVisible();
  const loki = () => stage.host.state.people.find((p) => p.name === 'Loki')!.id;
  await stage.do({ kick: { participant: loki() } });
  await page.getByRole('button', { name: 'Join again' }).click();
  await page.getByLabel('Your name').fill('Loki');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByText('Nothing to vote on right now.')).toBeVisible();
  await stage.do({ ban: { participant: loki() } });
  await expect(page.getByRole('heading', { name: 'You are out of the session.' })).toBeVisible();
  await page.getByRole('button', { name: 'Join again' }).click();
  await page.getByLabel('Your name').fill('Loki');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByRole('alert')).toHaveText(
    'The host has removed you from this session. You cannot join again.',
  );
});

test('a vote that comes too late says so', async ({ house, workshop }) => {
  house.allow(/net::ERR_INTERNET_DISCONNECTED/, /WebSocket connection to .* failed/);
  const stage = await workshop.stage({ title: 'Too late' });
  await stage.begin();
  const poll = await stage.poll(draft('single', 'Now or later?', ['Now', 'Later']), true);
  const page = await house.phone();
  await page.goto(`/${stage.code}`);
  await page.getByRole('radio', { name: 'Later' }).check();
  await page.context().setOffline(true);
  await expect(page.locator('.lost')).toBeVisible();
  await page.getByRole('button', { name: 'Send my vote' }).click();
  await stage.do({ closePoll: { poll } });
  await page.context().setOffline(false);
  await expect(page.getByRole('alert').filter({ hasText: 'It was not counted' })).toBeVisible();
  expect(stage.view(poll).tally?.voters ?? 0).toBe(0);
});

test('a big screen without a good link shows nothing of the session', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Secret plans' });
  const wall = await house.wall();
  for (const address of [`/screen/${stage.code}`, `/screen/${stage.code}#atl_forged`]) {
    await wall.goto('about:blank');
    await wall.goto(address);
    await expect(wall.getByRole('heading', { name: 'This big-screen link does not work any more.' })).toBeVisible();
    await expect(wall.getByText('Secret plans')).toHaveCount(0);
  }
  const link = await workshop.api.createLink(stage.session.id, { scope: 'present' });
  await wall.goto('about:blank');
  await wall.goto(`/screen/${stage.code}#${link.token}`);
  await expect(wall.getByRole('heading', { name: 'Secret plans' })).toBeVisible();
  await workshop.api.revokeLink(stage.session.id, link.id);
  await wall.reload();
  await expect(wall.getByRole('heading', { name: 'This big-screen link does not work any more.' })).toBeVisible();
});

test('signing in: missing, wrong, and back to where one was', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Where I was' });
  const page = await house.desk();
  await page.goto(`/studio/s/${stage.session.id}/results`);
  await expect(page.getByText('You will come back to where you were.')).toBeVisible();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Please enter your e-mail address.')).toBeVisible();
  await expect(page.getByLabel('E-mail')).toBeFocused();
  await page.getByLabel('E-mail').fill(workshop.email);
  await page.getByLabel('Password', { exact: true }).fill('not this one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('E-mail and password do not belong together.')).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Where I was' })).toBeVisible();
  await page.goto('/studio');
  await page.locator('summary').filter({ hasText: 'Ada Lindqvist' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.goto('/studio');
  await expect(page).toHaveURL(/\/studio\/login$/);
});

test('an account that exists, and a password that is too short', async ({ house, workshop }) => {
  const page = await house.desk();
  await page.goto('/studio/register');
  await page.getByLabel('First name').fill('Eve');
  await page.getByLabel('Last name').fill('Nobody');
  await page.getByLabel('Organization').fill('None');
  await page.getByLabel('E-mail').fill(workshop.email);
  await page.getByLabel('Password', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByText('The password needs at least 10 characters.')).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByText('There is an account with this e-mail already. Sign in instead.')).toBeVisible();
});

test("another organization's session is not there", async ({ house, workshop, baseURL }) => {
  const others = await Workshop.open(baseURL!, 'Somebody else');
  const stage = await others.stage({ title: 'Not yours' });
  const page = await house.studio(workshop);
  for (const path of ['', '/results']) {
    await page.goto(`/studio/s/${stage.session.id}${path}`);
    await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
  }
  others.close();
});

test('the server is killed and comes back: nothing typed or chosen is lost', async ({ house }) => {
  house.allow(/WebSocket connection to .* failed/, /net::ERR_CONNECTION_(REFUSED|RESET)/);
  const server = await OwnServer.start();
  try {
    const workshop = await Workshop.open(server.url);
    const stage = await workshop.stage({ title: 'Power cut' });
    await stage.begin();
    const poll = await stage.poll(draft('single', 'Tea or coffee?', ['Tea', 'Coffee']), true);
    const early = await stage.guest();
    await early.vote(poll, 0);
    const page = await house.phone();
    const wall = await house.wall();
    await wall.goto(`${server.url}${await workshop.wall(stage)}`);
    await page.goto(`${server.url}/${stage.code}`);
    await page.getByRole('radio', { name: 'Coffee' }).check();
    await page.getByLabel('Ask a question').fill('Half a ques');
    await server.kill();
    await expect(page.locator('.lost')).toBeVisible();
    await expect(wall.getByText('Reconnecting …')).toBeVisible();
    await server.start();
    await expect(page.locator('.lost')).toBeHidden();
    await expect(page.getByRole('radio', { name: 'Coffee' })).toBeChecked();
    await expect(page.getByLabel('Ask a question')).toHaveValue('Half a ques');
    await page.getByRole('button', { name: 'Send my vote' }).click();
    await expect(page.getByText(/^Recorded \d/)).toBeVisible();
    await expect(bars(wall, 'Tea')).toContainText('50%');
    await expect(bars(wall, 'Coffee')).toContainText('50%');
    workshop.close();
  } finally {
    await server.kill();
  }
});
