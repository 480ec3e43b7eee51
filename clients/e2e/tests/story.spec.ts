/** The whole story: one instructor, three phones, one projector, from the first account to the results. */
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './support/test';
import { addPoll, bars, counted, menu, openScreen, panel, person, openPane, taps, undo } from './support/hands';
import { freshEmail, PASSWORD } from './support/workshop';

const SPEND = 'What should we spend the last hour on?';
const TOOLS = 'Which of these do you use every week?';
const CONFIDENT = 'How confident are you about reading a query plan?';
const WORD = 'One word for today';
const MONDAY = 'What will you do differently on Monday?';

test('a workshop from the first account to the results', async ({ house }) => {
  test.setTimeout(180_000);
  // Whoever is taken offline says so.
  house.allow(/net::ERR_INTERNET_DISCONNECTED/, /WebSocket connection to .* failed/);
  const host = await house.desk();
  let noor: Page, tomas: Page, ylva: Page, wall: Page;
  let code = '';
  const main = (page: Page): Locator => page.locator('main');
  const card = (page: Page, question: string): Locator => page.getByRole('article', { name: question });

  await test.step('register, and find an empty dashboard that says what to do', async () => {
    await host.goto('/studio');
    await host.getByRole('link', { name: 'Create an account' }).click();
    await host.getByLabel('First name').fill('Ada');
    await host.getByLabel('Last name').fill('Lindqvist');
    await host.getByLabel('Organization').fill('Lindqvist Workshops');
    await host.getByLabel('E-mail').fill(freshEmail());
    await host.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await host.getByRole('button', { name: 'Create account' }).click();
    await expect(host.getByRole('heading', { name: 'Your first session is three steps away' })).toBeVisible();
  });

  await test.step('create a session', async () => {
    await host.getByRole('button', { name: 'New session' }).click();
    const dialog = host.getByRole('dialog', { name: 'New session' });
    await dialog.getByLabel('Title').fill('Postgres in anger');
    await dialog.getByRole('button', { name: 'Create and prepare' }).click();
    await expect(host.getByRole('heading', { level: 1, name: 'Postgres in anger' })).toBeVisible();
  });

  await test.step('prepare a poll of each kind', async () => {
    await addPoll(host, {
      kind: 'Single choice',
      question: SPEND,
      options: ['Pair up', 'Solutions', 'Open questions'],
    });
    await addPoll(host, {
      kind: 'Multiple choice',
      question: TOOLS,
      options: ['EXPLAIN', 'psql', 'A graphical client'],
    });
    await addPoll(host, { kind: 'Rating', question: CONFIDENT, visibility: 'Only you, unless you reveal' });
    await addPoll(host, { kind: 'Word cloud', question: WORD });
    await addPoll(host, { kind: 'Open text', question: MONDAY });
    await expect(host.getByRole('heading', { name: 'Run of show' }).locator('..').locator('..')).toContainText(MONDAY);
    await expect(host.getByText('Can be opened once the session runs.')).toBeVisible();
  });

  await test.step('open the lobby; the code is on the button', async () => {
    await host.getByRole('button', { name: 'Open the lobby' }).click();
    await expect(host.getByRole('button', { name: 'Begin' })).toBeVisible();
    const button = host.getByRole('button', { name: /Join code/ });
    code = (await button.innerText()).replace(/[^A-Z0-9]/g, '').slice(-6);
    expect(code).toMatch(/^[2-9A-HJKMNP-TV-Z]{6}$/);
  });

  await test.step('the big screen opens from the console', async () => {
    wall = await openScreen(host, house);
    await expect(wall.getByRole('heading', { name: 'Postgres in anger' })).toBeVisible();
    await expect(wall.getByRole('img', { name: /QR code/ })).toBeVisible();
    await expect(wall.locator('.door .code')).toHaveText(new RegExp(`${code.slice(0, 3)}\\s*${code.slice(3)}`));
  });

  await test.step('a phone joins by typing the code, in small letters with a space', async () => {
    noor = await house.phone();
    await noor.goto('/');
    await noor.getByLabel('Code').fill(`${code.slice(0, 3)} ${code.slice(3)}`.toLowerCase());
    await noor.getByLabel('Code').press('Enter');
    await expect(main(noor).getByText('You are in.')).toBeVisible();
    await noor.getByRole('button', { name: 'Change name' }).click();
    await noor.getByLabel('Your name').fill('Noor');
    await noor.getByRole('button', { name: 'Save' }).click();
    await expect(main(noor).getByText('Noor', { exact: true })).toBeVisible();
  });

  await test.step('another by the link behind the QR code', async () => {
    tomas = await house.phone();
    await counted(tomas);
    await tomas.goto(`/${code}`);
    await expect(main(tomas).getByText('You are in.')).toBeVisible();
    await expect(host.getByText('2 here').first()).toBeVisible();
    await expect(wall.getByText('2 here')).toBeVisible();
  });

  await test.step('begin, and open the first poll by key', async () => {
    await host.getByRole('button', { name: 'Begin' }).click();
    await expect(main(tomas).getByText('Nothing to vote on right now.')).toBeVisible();
    await host.getByRole('listitem').filter({ hasText: SPEND }).getByRole('button', { name: SPEND }).first().click();
    await host.getByRole('heading', { level: 2, name: SPEND }).click();
    await host.keyboard.press('o');
    await expect(wall.getByRole('heading', { name: SPEND })).toBeVisible();
  });

  await test.step('two taps from the QR code to a vote', async () => {
    await tomas.getByText('Pair up').tap();
    await tomas.getByRole('button', { name: 'Send my vote' }).tap();
    await expect(main(tomas).getByText('Your vote is in.')).toBeVisible();
    expect(await taps(tomas)).toBe(2);
    await expect(bars(wall, 'Pair up')).toContainText('100%');
    await expect(panel(host)).toContainText('100%');
  });

  await test.step('with the keyboard alone', async () => {
    await expect(noor.getByRole('radio', { name: 'Solutions' })).toBeVisible();
    await noor.locator('h1').click({ position: { x: 1, y: 1 } });
    for (let i = 0; i < 12; i++) {
      await noor.keyboard.press('Tab');
      if (await noor.evaluate(() => document.activeElement instanceof HTMLInputElement)) break;
    }
    await noor.keyboard.press('ArrowDown');
    await expect(noor.getByRole('radio', { name: 'Solutions' })).toBeChecked();
    await noor.keyboard.press('Tab');
    await noor.keyboard.press('Enter');
    await expect(main(noor).getByText('Your vote is in.')).toBeVisible();
    await expect(noor.locator(':focus')).toContainText('Your vote is in.');
    await expect(bars(wall, 'Solutions')).toContainText('50%');
    await expect(host.getByText('second votes refused').locator('..')).toContainText('0');
  });

  await test.step('change the vote, and the walls follow', async () => {
    await tomas.getByRole('button', { name: 'Change my vote' }).click();
    await expect(tomas.getByRole('radio', { name: 'Pair up' })).toBeChecked();
    await tomas.getByRole('radio', { name: 'Solutions' }).check();
    await tomas.getByRole('button', { name: 'Send my new vote' }).click();
    await expect(bars(wall, 'Solutions')).toContainText('100%');
    await expect(bars(noor, 'Solutions')).toContainText('100%');
  });

  await test.step('the host asks for names from now on; a late one lands on the poll and its clock', async () => {
    await menu(host, 'Session', 'Settings');
    await host.getByLabel('Ask for a name when joining').check();
    await host.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await host.getByLabel('Set timer').selectOption({ label: '1 min' });
    ylva = await house.phone();
    await ylva.goto(`/${code}`);
    await ylva.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(ylva.getByRole('alert').filter({ hasText: 'Enter a name' })).toBeVisible();
    await ylva.getByLabel('Your name').fill('Ylva');
    await ylva.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(ylva.getByRole('heading', { name: SPEND })).toBeVisible();
    await expect(ylva.getByRole('timer')).toHaveText(/0:[1-5]\d/);
    await expect(wall.getByRole('timer')).toHaveText(/0:[1-5]\d/);
    await host.getByRole('button', { name: '30 seconds more' }).click();
    await expect(ylva.getByRole('timer')).toHaveText(/1:[0-2]\d/);
  });

  await test.step('offline: the vote is kept, sent and recorded; a reload keeps the seat', async () => {
    await ylva.context().setOffline(true);
    await ylva.getByRole('radio', { name: 'Open questions' }).check();
    await ylva.getByRole('button', { name: 'Send my vote' }).click();
    await expect(main(ylva).getByText('Kept on this device.')).toBeVisible();
    await expect(ylva.locator('.lost')).toBeVisible();
    await expect(bars(wall, 'Open questions')).toContainText('0%');
    await ylva.context().setOffline(false);
    await expect(main(ylva).getByText(/^Recorded \d/)).toBeVisible();
    await expect(bars(wall, 'Open questions')).toContainText('33%');
    await ylva.reload();
    await expect(main(ylva).getByText('Your vote is in.')).toBeVisible();
    await expect(main(ylva).getByText('Ylva', { exact: true })).toBeVisible();
    await expect(wall.getByText('3 votes')).toBeVisible();
  });

  await test.step('a second round beside the first', async () => {
    await host.locator('h1').click();
    await host.keyboard.press('c');
    await expect(main(tomas).getByText('The poll is closed. Your vote was counted.')).toBeVisible();
    await host.getByRole('button', { name: 'Vote again' }).click();
    await expect(main(tomas).getByText('Round 2')).toBeVisible();
    await tomas.getByRole('radio', { name: 'Open questions' }).check();
    await tomas.getByRole('button', { name: 'Send my vote' }).click();
    await expect(bars(wall, 'Open questions')).toContainText('Round 1: 33%');
    await expect(panel(host)).toContainText('Round 1 (pale) beside round 2');
  });

  await test.step('several answers', async () => {
    await host.keyboard.press('c');
    await host.keyboard.press('ArrowRight');
    await expect(host.getByRole('heading', { level: 2, name: TOOLS })).toBeVisible();
    await host.keyboard.press('o');
    await noor.getByRole('checkbox', { name: 'EXPLAIN' }).check();
    await noor.getByRole('checkbox', { name: 'psql' }).check();
    await noor.getByRole('button', { name: 'Send my vote' }).click();
    await expect(bars(wall, 'psql')).toContainText('100%');
  });

  await test.step('a rating stays hidden until the host reveals it', async () => {
    await host.keyboard.press('c');
    await host.keyboard.press('ArrowRight');
    await expect(host.getByRole('heading', { level: 2, name: CONFIDENT })).toBeVisible();
    await host.keyboard.press('o');
    await tomas.getByRole('radio', { name: '4', exact: true }).check();
    await tomas.getByRole('button', { name: 'Send my vote' }).click();
    await expect(main(tomas).getByText('The host shows the results later.')).toBeVisible();
    await expect(panel(host)).toContainText('Mean 4.0');
    await expect(wall.getByText('Results stay hidden for now.')).toBeVisible();
    await host.keyboard.press('r');
    await expect(main(wall)).toContainText('4.0');
    await expect(card(tomas, CONFIDENT)).toContainText('Mean 4.0');
    await host.keyboard.press('r');
    await expect(wall.getByText('Results stay hidden for now.')).toBeVisible();
    await expect(card(tomas, CONFIDENT)).not.toContainText('Mean');
  });

  await test.step('a timer closes the poll by itself', async () => {
    await host.keyboard.press('ArrowRight');
    await host.getByRole('button', { name: 'Edit', exact: true }).click();
    const editor = host.getByRole('dialog', { name: 'Edit poll' });
    await editor.getByText('Timer and changes').click();
    await editor.getByLabel('Close by itself after').fill('5');
    await editor.getByRole('button', { name: 'Save' }).click();
    await expect(editor).toBeHidden();
    await host.keyboard.press('o');
    await noor.getByLabel('Word 1').fill('indexes');
    await noor.getByLabel('Word 2').fill('locks');
    await noor.getByRole('button', { name: 'Send my answer' }).click();
    await tomas.getByLabel('Word 1').fill('Indexes');
    await tomas.getByRole('button', { name: 'Send my answer' }).click();
    await expect(card(noor, WORD).getByText('The poll is closed.')).toBeVisible();
    await expect(panel(host).getByText('Closed', { exact: true })).toBeVisible();
  });

  await test.step('the cloud, and the same as a list', async () => {
    await expect(wall.locator('svg text').filter({ hasText: /indexes/i })).toBeVisible();
    await wall.getByRole('button', { name: 'Show as list' }).click();
    await expect(
      wall
        .getByRole('list', { name: 'Answers' })
        .getByText(/indexes/i)
        .locator('..'),
    ).toContainText('2');
  });

  await test.step('an open text, and one answer hidden from everybody', async () => {
    await host.keyboard.press('ArrowRight');
    await expect(host.getByRole('heading', { level: 2, name: MONDAY })).toBeVisible();
    await host.keyboard.press('o');
    await noor.getByLabel('Your answer').fill('Read the plan first');
    await noor.getByRole('button', { name: 'Send my answer' }).click();
    await tomas.getByLabel('Your answer').fill('Something rude');
    await tomas.getByRole('button', { name: 'Send my answer' }).click();
    await expect(main(wall)).toContainText('Something rude');
    await host.getByRole('button', { name: 'Hide “Something rude” from everybody' }).click();
    await expect(main(wall)).not.toContainText('Something rude');
    await expect(main(wall)).toContainText('Read the plan first');
    await host.locator('h1').click();
    await host.keyboard.press('c');
  });

  const ROLLBACK = 'How do we roll this back?';
  await test.step('a question goes through review', async () => {
    await host.getByLabel('Review before publishing').check();
    await noor.getByLabel('Ask a question').fill(ROLLBACK);
    await noor.getByRole('button', { name: 'Ask', exact: true }).click();
    await expect(main(noor).getByText('In review. Only you and the hosts see it.')).toBeVisible();
    await expect(host.getByText(ROLLBACK, { exact: true })).toBeVisible();
    await expect(main(tomas).getByText(ROLLBACK, { exact: true })).toHaveCount(0);
    await host.getByRole('button', { name: /^Approve/ }).click();
    await expect(main(tomas).getByText(ROLLBACK, { exact: true })).toBeVisible();
  });

  await test.step('it is supported, starred, highlighted', async () => {
    await tomas.getByRole('button', { name: new RegExp(`Support: .*${ROLLBACK.slice(0, 10)}`) }).click();
    await host.getByRole('tab', { name: /Live/ }).click();
    await expect(host.getByRole('article', { name: ROLLBACK })).toContainText('one supporter');
    await host.getByRole('button', { name: /^Star/ }).click();
    await expect(host.getByRole('button', { name: /^Unstar/ })).toBeVisible();
    await host.locator('h1').click();
    await host.keyboard.press('h');
    await expect(wall.getByRole('region', { name: 'On the big screen now' })).toContainText(ROLLBACK);
    await expect(main(tomas).getByText('On the big screen now')).toBeVisible();
    await host.keyboard.press('h');
    await expect(wall.getByRole('region', { name: 'On the big screen now' })).toHaveCount(0);
  });

  await test.step('answered, brought back by undo, archived', async () => {
    await host.getByRole('button', { name: /^Answered for/ }).click();
    await expect(main(tomas).getByText('Answered questions')).toBeVisible();
    await undo(host);
    await expect(tomas.getByRole('button', { name: /Support/ })).toBeVisible();
    await menu(host, /^More for “How do we roll/, 'Archive');
    await expect(main(tomas).getByText(ROLLBACK, { exact: true })).toHaveCount(0);
    await undo(host);
    await expect(main(tomas).getByText(ROLLBACK, { exact: true })).toBeVisible();
    await menu(host, /^More for “How do we roll/, 'Answer in writing');
    await host.getByLabel('Your answer').fill('With a second migration.');
    await host.getByRole('button', { name: 'Publish answer' }).click();
    await tomas.getByText('Answered questions').click();
    await expect(main(tomas).getByText('With a second migration.')).toBeVisible();
  });

  await test.step('a hand goes up', async () => {
    await noor.getByRole('button', { name: 'Raise hand' }).click();
    await openPane(host, 'People');
    await host.getByRole('button', { name: 'Lower the hand of Noor' }).click();
    await expect(noor.getByRole('button', { name: 'Raise hand' })).toHaveAttribute('aria-pressed', 'false');
  });

  await test.step('somebody is removed, comes back, and finds the door locked for strangers only', async () => {
    await person(host, 'Ylva', 'Remove');
    await expect(ylva.getByRole('heading', { name: 'You are out of the session.' })).toBeVisible();
    await menu(host, 'Session', 'Lock the door');
    await expect(host.getByText('Door locked')).toBeVisible();
    const stranger = await house.phone();
    await stranger.goto(`/${code}`);
    await stranger.getByLabel('Your name').fill('Nobody');
    await stranger.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(main(stranger).getByText('The host has closed the door to newcomers.')).toBeVisible();
    await menu(host, 'Session', 'Unlock the door');
    await stranger.getByRole('button', { name: 'Join', exact: true }).click();
    await expect(stranger.getByRole('heading', { name: 'Questions' })).toBeVisible();
  });

  await test.step('a break', async () => {
    await host.getByRole('button', { name: 'Pause', exact: true }).click();
    await expect(noor.getByRole('heading', { name: 'Paused' })).toBeVisible();
    await expect(wall.getByText('Paused', { exact: true })).toBeVisible();
    await host.getByRole('button', { name: 'Go on' }).click();
    await expect(noor.getByRole('heading', { name: 'Paused' })).toHaveCount(0);
  });

  await test.step('the end, everywhere', async () => {
    await menu(host, 'Session', /End session/);
    await host.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
    await expect(noor.getByRole('heading', { name: 'The workshop has ended.' })).toBeVisible();
    await expect(main(noor).getByText(/You voted in \d polls\./)).toBeVisible();
    await expect(wall.getByText('The workshop has ended.')).toBeVisible();
  });

  await test.step('the results', async () => {
    await host.getByRole('link', { name: 'See the results' }).click();
    await expect(host.getByRole('heading', { level: 1, name: 'Postgres in anger' })).toBeVisible();
    const poll = host.getByRole('article', { name: SPEND });
    await expect(poll.getByText('As a table')).toBeVisible();
    await poll.getByText('As a table').click();
    await expect(poll.getByRole('columnheader', { name: 'Round 2' })).toBeVisible();
    await expect(host.getByRole('article', { name: WORD })).toContainText('×2');
    await expect(host.getByText('With a second migration.')).toBeVisible();
  });

  await test.step('the same session again', async () => {
    await host.getByRole('link', { name: 'Atelier, all sessions' }).click();
    await menu(host, 'More for “Postgres in anger”', 'Duplicate');
    await expect(host.getByText('“Postgres in anger” was duplicated.')).toBeVisible();
    await host.getByRole('link', { name: /^Open console/ }).click();
    await expect(host.getByRole('listitem').filter({ hasText: MONDAY })).toContainText('Prepared');
    await expect(host.getByRole('listitem').filter({ hasText: SPEND })).toContainText('Prepared');
  });
});
