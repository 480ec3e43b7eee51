/** Every page and every main state of it: axe in light and dark, a 320 pixel window, both languages, no motion. */
import { examine } from './support/axe';
import { openPane } from './support/hands';
import { ask, confident, CONFIDENT, monday, MONDAY, NAMES, SPEND, spend, TOOLS, WORD, word } from './support/scenes';
import type { Afternoon } from './support/scenes';
import { expect, PHONE, test } from './support/test';
import { type Stage, type Workshop } from './support/workshop';

/** A session with polls of each kind and a few people. */
async function small(workshop: Workshop): Promise<Afternoon> {
  const stage = await workshop.stage({ title: 'Postgres in anger, part two' });
  const polls = {
    confident: await stage.poll(CONFIDENT),
    spend: await stage.poll(SPEND),
    tools: await stage.poll(TOOLS),
    word: await stage.poll(WORD),
    monday: await stage.poll(MONDAY),
  };
  await stage.begin();
  return { stage, people: await stage.guests(NAMES.slice(0, 24)), polls, questions: [] };
}

const close = (stage: Stage, poll: string) => stage.do({ closePoll: { poll } });

test('the way in', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Postgres in anger', needsName: true });
  const page = await house.phone();
  await page.goto('/');
  await expect(page.getByLabel('Code')).toBeVisible();
  await examine(page, 'join');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).not.toBeEmpty();
  await examine(page, 'join with an error');
  await page.goto(`/${stage.code}`);
  await expect(page.getByRole('heading', { name: 'Not open yet' })).toBeVisible();
  await examine(page, 'waiting for the host');
  await stage.do({ start: {} });
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await examine(page, 'name missing');
  await page.getByLabel('Your name').fill('Noor');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByText('You are in.')).toBeVisible();
  await examine(page, 'lobby');
  await page.getByRole('button', { name: 'Change name' }).click();
  await examine(page, 'changing the name');
  await page.goto('/screen/ZZZZZ2#nothing');
  await expect(page.getByRole('heading', { name: /big-screen link/ })).toBeVisible();
  await examine(page, 'big screen refused');
});

test('a phone, before and after each vote', async ({ house, workshop }) => {
  const scene = await small(workshop);
  const { stage, polls } = scene;
  const page = await house.phone();
  await page.goto(`/${stage.code}`);
  await expect(page.getByText('Nothing to vote on right now.')).toBeVisible();
  await examine(page, 'nothing to vote on');
  const send = page.getByRole('button', { name: /^Send my/ });
  const kinds: [string, keyof Afternoon['polls'], () => Promise<void>][] = [
    ['single', 'spend', () => page.getByRole('radio', { name: 'Open questions' }).check()],
    ['multiple', 'tools', () => page.getByRole('checkbox', { name: 'psql' }).check()],
    ['rating', 'confident', () => page.getByRole('radio', { name: '4' }).check()],
    ['word cloud', 'word', () => page.getByLabel('Word 1').fill('indexes')],
    ['open text', 'monday', () => page.getByLabel('Your answer').fill('Read the plan')],
  ];
  for (const [name, key, answer] of kinds) {
    await stage.open(polls[key]);
    await send.click();
    await expect(page.getByRole('alert').filter({ hasText: /first/ })).toBeVisible();
    await examine(page, `${name}, nothing chosen`);
    await answer();
    await send.click();
    const card = page.getByRole('article', { name: stage.view(polls[key]).question });
    await expect(card.getByText(/^Recorded \d/)).toBeVisible();
    await examine(page, `${name}, voted`);
    await close(stage, polls[key]);
    await expect(card.getByText('The poll is closed. Your vote was counted.')).toBeVisible();
  }
  await page.getByText('Earlier polls').click();
  await examine(page, 'closed polls');
});

test('questions, a break and the end on a phone', async ({ house, workshop }) => {
  const scene = await small(workshop);
  const { stage } = scene;
  const page = await house.phone();
  await page.goto(`/${stage.code}`);
  await ask(scene);
  await stage.do({ answer: { question: scene.questions[4]!, text: 'It depends.' } });
  await stage.do({ highlight: { question: scene.questions[0]! } });
  await stage.do({ configure: { preModerated: true } });
  await page.getByLabel('Ask a question').fill('Is there a recording?');
  await expect(page.getByText('Ask without my name')).toBeVisible();
  await examine(page, 'writing a question');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(page.getByText('In review.')).toBeVisible();
  await page.getByText('Answered questions').click();
  await examine(page, 'questions');
  await stage.do({ pause: {} });
  await expect(page.getByRole('heading', { name: 'Paused' })).toBeVisible();
  await examine(page, 'paused');
  await stage.do({ resume: {} });
  await stage.do({ show: { stage: { text: { title: 'Coffee', body: 'Until eleven' } } } });
  await expect(page.getByRole('heading', { name: 'Coffee' })).toBeVisible();
  await examine(page, 'a text');
  await stage.do({ end: {} });
  await expect(page.getByRole('heading', { name: 'The workshop has ended.' })).toBeVisible();
  await examine(page, 'ended');
});

test('the big screen, whatever is on it', async ({ house, workshop }) => {
  const scene = await small(workshop);
  const { stage, polls } = scene;
  const wall = await house.wall();
  await wall.goto(await workshop.wall(stage));
  await expect(wall.getByRole('heading', { name: stage.session.title })).toBeVisible();
  await examine(wall, 'lobby', false);
  await spend(scene);
  await expect(wall.getByText('Results stay hidden for now.')).toBeVisible();
  await examine(wall, 'hidden results', false);
  await ask(scene);
  await stage.do({ highlight: { question: scene.questions[0]! } });
  await stage.do({ revealPoll: { poll: polls.spend, revealed: true } });
  await stage.do({ setTimer: { poll: polls.spend, seconds: 90 } });
  await expect(wall.getByText('22 votes')).toBeVisible();
  await examine(wall, 'bars, timer and a question', false);
  await stage.do({ highlight: { question: null } });
  await close(stage, polls.spend);
  await confident(scene);
  await expect(wall.getByText('20 votes')).toBeVisible();
  await examine(wall, 'rating', false);
  await word(scene);
  await expect(wall.locator('svg text').first()).toBeVisible();
  await examine(wall, 'words', false);
  await wall.getByRole('button', { name: 'Show as list' }).click();
  await examine(wall, 'words as a list', false);
  await close(stage, polls.word);
  await monday(scene);
  await expect(wall.getByText('Talk to our DBA')).toBeVisible();
  await examine(wall, 'answers', false);
  await stage.do({ show: { stage: { questions: {} } } });
  await expect(wall.getByRole('heading', { name: 'Questions' })).toBeVisible();
  await examine(wall, 'questions', false);
  await stage.do({ show: { stage: { question: { question: scene.questions[0]! } } } });
  await expect(wall.getByRole('heading', { name: /roll this back/ })).toBeVisible();
  await examine(wall, 'one question', false);
  const endsAt = new Date(Date.now() + 300_000).toISOString();
  await stage.do({ show: { stage: { timer: { title: 'Coffee', endsAt } } } });
  await expect(wall.getByRole('timer')).toBeVisible();
  await examine(wall, 'timer', false);
  await stage.do({ show: { stage: { blank: {} } } });
  await expect(wall.getByRole('timer')).toHaveCount(0);
  await examine(wall, 'blank', false);
  await stage.do({ end: {} });
  await expect(wall.getByText('The workshop has ended.')).toBeVisible();
  await examine(wall, 'ended', false);
});

test('the doors and the dashboard', async ({ house, workshop }) => {
  const page = await house.desk();
  await page.goto('/studio/login');
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await examine(page, 'login');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await examine(page, 'login with errors');
  await page.goto('/studio/register');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByText('Please fill this in.').first()).toBeVisible();
  await examine(page, 'register with errors');
  await page.goto('/docs');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await examine(page, 'reference');
  const studio = await house.studio(workshop);
  await studio.goto('/studio');
  await expect(studio.getByRole('heading', { name: /three steps away/ })).toBeVisible();
  await examine(studio, 'empty dashboard');
  await studio.getByRole('button', { name: 'New session' }).click();
  await studio.getByText('More options').click();
  await examine(studio, 'planning');
  const stage = await workshop.stage({ title: 'Running' });
  await stage.begin();
  const gone = await workshop.stage({ title: 'Gone' });
  await gone.begin();
  await gone.do({ end: {} });
  await workshop.api.createLiveSession({ title: 'Next' });
  await studio.goto('/studio');
  await expect(studio.getByRole('heading', { name: 'Past' })).toBeVisible();
  await studio.locator('summary').filter({ hasText: 'Ada Lindqvist' }).click();
  await examine(studio, 'full dashboard');
  await studio.goto('/studio/nowhere');
  await expect(studio.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
  await examine(studio, 'not found');
});

test('the console', async ({ house, workshop }) => {
  const scene = await small(workshop);
  const { stage, people } = scene;
  await confident(scene);
  await spend(scene);
  await stage.do({ setTimer: { poll: scene.polls.spend, seconds: 300 } });
  await ask(scene);
  await stage.do({ configure: { preModerated: true } });
  await people[7]!.ask('Will there be a recording?');
  await people[3]!.room.send({ hand: { participant: people[3]!.id, raised: true } });
  const page = await house.studio(workshop);
  await page.goto(`/studio/s/${stage.session.id}`);
  await expect(page.getByRole('heading', { level: 2, name: SPEND.question })).toBeVisible();
  await examine(page, 'console, a poll is open');
  await page.getByRole('button', { name: 'Three columns' }).click();
  await examine(page, 'console, moderation');
  await page.getByRole('button', { name: 'Back to the three panes' }).click();
  await openPane(page, 'People');
  await examine(page, 'console, people');
  const dialog = page.getByRole('dialog');
  const sheets: [string, () => Promise<void>][] = [
    ['share', () => page.getByRole('button', { name: /Join code/ }).click()],
    ['editor', () => page.getByRole('button', { name: 'Add poll' }).click()],
    ['person', () => page.getByRole('button', { name: 'Manage Noor' }).click()],
    ['text', () => page.getByRole('button', { name: 'Text', exact: true }).click()],
    ['timer', () => page.getByRole('button', { name: 'Timer', exact: true }).click()],
    ['reset', () => page.getByRole('button', { name: 'Reset', exact: true }).click()],
    [
      'shortcuts',
      () =>
        page
          .locator('h1')
          .click()
          .then(() => page.keyboard.press('?')),
    ],
  ];
  for (const [name, open] of sheets) {
    await open();
    await expect(dialog).toBeVisible();
    await examine(page, `console, ${name}`);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
  }
  await page.setViewportSize(PHONE);
  for (const tab of ['Plan', 'Stage', 'Questions', 'People']) {
    await page
      .getByRole('navigation', { name: 'Areas' })
      .getByRole('button', { name: new RegExp(`^${tab}`) })
      .click();
    await examine(page, `console on a phone, ${tab}`);
  }
});

test('the results', async ({ house, workshop }) => {
  const scene = await small(workshop);
  const { stage, polls } = scene;
  await confident(scene);
  await spend(scene);
  await close(stage, polls.spend);
  await word(scene);
  await close(stage, polls.word);
  await monday(scene);
  await ask(scene);
  await stage.do({ end: {} });
  const page = await house.studio(workshop);
  await page.goto(`/studio/s/${stage.session.id}`);
  await expect(page.getByRole('heading', { name: 'This session is over' })).toBeVisible();
  await examine(page, 'console of an ended session');
  await page.goto(`/studio/s/${stage.session.id}/results`);
  await expect(page.getByRole('article', { name: SPEND.question })).toBeVisible();
  await page.getByText('As a table').first().click();
  await examine(page, 'results');
});

test('auf Deutsch', async ({ house, workshop }) => {
  const look = { locale: 'de-DE' };
  const scene = await small(workshop);
  const { stage } = scene;
  await spend(scene);
  await ask(scene);
  const phone = await house.phone(look);
  await phone.goto('/');
  await expect(phone.locator('html')).toHaveAttribute('lang', 'de');
  await expect(phone.getByRole('button', { name: 'Weiter' })).toBeVisible();
  await phone.goto(`/${stage.code}`);
  await expect(phone.getByRole('button', { name: 'Stimme senden' })).toBeVisible();
  await examine(phone, 'phone in German');
  await phone.getByLabel('Sprache').selectOption('en');
  await expect(phone.getByRole('button', { name: 'Send my vote' })).toBeVisible();
  await phone.reload();
  await expect(phone.getByRole('button', { name: 'Send my vote' })).toBeVisible();
  const wall = await house.wall(look);
  await wall.goto(await workshop.wall(stage));
  await expect(wall.getByText(/^\d+ hier$/)).toBeVisible();
  const studio = await house.studio(workshop, look);
  await studio.goto('/studio');
  await expect(studio.locator('html')).toHaveAttribute('lang', 'de');
  await expect(studio.getByRole('heading', { level: 1 })).toHaveText('Sitzungen');
  await examine(studio, 'dashboard in German');
  await studio.goto(`/studio/s/${stage.session.id}`);
  await expect(studio.getByRole('heading', { level: 2, name: SPEND.question })).toBeVisible();
  await examine(studio, 'console in German');
});

test('nothing moves for those who asked for that', async ({ house, workshop }) => {
  const scene = await small(workshop);
  await spend(scene);
  const wall = await house.wall();
  await wall.goto(await workshop.wall(scene.stage));
  await scene.stage.do({ revealPoll: { poll: scene.polls.spend, revealed: true } });
  await expect(wall.getByText('22 votes')).toBeVisible();
  const moving = await wall.evaluate(
    () =>
      [...document.querySelectorAll('*')].filter((element) => {
        const style = getComputedStyle(element);
        return style.transitionDuration.split(', ').some((t) => parseFloat(t) > 0) || style.animationName !== 'none';
      }).length,
  );
  expect(moving).toBe(0);
});
