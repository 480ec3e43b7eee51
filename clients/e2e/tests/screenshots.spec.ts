/** Pictures of every page for the documentation: `npm run screenshots`. No pixel gates. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { expect, House, test } from './support/test';
import { openPane } from './support/hands';
import * as scenes from './support/scenes';
import { smaller } from './support/png';
import type { Workshop } from './support/workshop';

const FOLDER = fileURLToPath(new URL('../../../docs/screenshots/', import.meta.url));
const HOST = 'http://atelier.example';
const SCHEMES = ['light', 'dark'] as const;

mkdirSync(FOLDER, { recursive: true });

async function shoot(page: Page, name: string, settle?: () => Promise<void>): Promise<void> {
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme });
    await settle?.();
    await page.evaluate(() => document.fonts.ready);
    const picture = smaller(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
    expect(picture.length, `${name} is small`).toBeLessThan(150_000);
    writeFileSync(`${FOLDER}${name}-${scheme}.png`, picture);
  }
}

async function past(workshop: Workshop): Promise<void> {
  for (const [title, days] of [
    ['Code review that people like', 3],
    ['Postgres in anger, part one', 7],
  ] as const) {
    const stage = await workshop.stage({ title });
    await stage.begin();
    await stage.guests(scenes.NAMES.slice(0, days * 2));
    await stage.do({ end: {} });
  }
  const at = (days: number, hour: number) => {
    const date = new Date();
    date.setDate(date.getDate() + days);
    date.setHours(hour, 30, 0, 0);
    return date.toISOString();
  };
  await workshop.api.createLiveSession({
    title: 'Event sourcing without tears',
    scheduledStart: at(1, 9),
    scheduledEnd: at(1, 12),
  });
  await workshop.api.createLiveSession({
    title: 'Facilitating hybrid groups',
    scheduledStart: at(6, 13),
    scheduledEnd: at(6, 16),
  });
}

test('a workshop in pictures', async ({ browser, workshop }) => {
  test.setTimeout(240_000);
  const house = new House((look) => browser.newContext({ baseURL: HOST, locale: 'en-GB', ...look }), HOST);
  await past(workshop);
  const scene = await scenes.afternoon(workshop);
  const { stage, people, polls } = scene;
  const fresh = await house.phone();
  const wall = await house.wall();
  await wall.goto(await workshop.wall(stage));
  const studio = await house.studio(workshop);

  await test.step('join, lobby', async () => {
    await fresh.goto('/');
    await shoot(fresh, 'phone-join');
    await fresh.goto(`/${stage.code}`);
    await expect(fresh.getByText('You are in.')).toBeVisible();
    await shoot(fresh, 'phone-lobby');
    await expect(wall.getByText('25 here')).toBeVisible();
    await shoot(wall, 'wall-lobby');
  });

  await test.step('a poll', async () => {
    await stage.do({ go: {} });
    await scenes.confident(scene);
    await scenes.spend(scene);
    await fresh.getByRole('radio', { name: 'Open questions' }).check();
    await shoot(fresh, 'phone-poll');
    await fresh.getByRole('button', { name: 'Send my vote' }).click();
    await expect(fresh.getByText(/^Recorded/)).toBeVisible();
    await expect(fresh.getByText('23 votes')).toBeVisible();
    await shoot(fresh, 'phone-voted');
    await stage.do({ revealPoll: { poll: polls.spend, revealed: true } });
    await stage.do({ setTimer: { poll: polls.spend, seconds: 90 } });
    await expect(wall.getByText('23 votes')).toBeVisible();
    await shoot(wall, 'wall-poll');
  });

  await test.step('questions', async () => {
    await scenes.ask(scene);
    await stage.do({ configure: { preModerated: true } });
    await people[7]!.ask('Will there be a recording?');
    await people[9]!.ask('Can we see the numbers from last time?', true);
    await people[3]!.room.send({ hand: { participant: people[3]!.id, raised: true } });
    await stage.do({ star: { question: scene.questions[1]!, on: true } });
    await stage.do({ answer: { question: scene.questions[4]!, text: 'It depends: let us look at one together.' } });
    await fresh.getByRole('button', { name: /Support: How do we roll/ }).click();
    await fresh.getByRole('heading', { name: 'Questions' }).scrollIntoViewIfNeeded();
    await fresh.evaluate(() => document.getElementById('questions')!.scrollIntoView());
    await shoot(fresh, 'phone-questions');
  });

  await test.step('the console', async () => {
    await studio.goto(`/studio/s/${stage.session.id}`);
    await expect(studio.getByRole('heading', { level: 2, name: scenes.SPEND.question })).toBeVisible();
    await expect(studio.locator('.pane.desk')).toContainText('23');
    await studio.getByRole('tab', { name: /Live/ }).click();
    await shoot(studio, 'studio-console');
    await studio.getByRole('button', { name: 'Three columns' }).click();
    await shoot(studio, 'studio-moderation');
    await studio.getByRole('button', { name: 'Back to the three panes' }).click();
    await openPane(studio, 'People');
    await shoot(studio, 'studio-people');
    await studio.getByRole('button', { name: /Join code/ }).click();
    await expect(studio.getByRole('dialog')).toBeVisible();
    await shoot(studio, 'studio-share');
    await studio.keyboard.press('Escape');
    await studio.setViewportSize({ width: 390, height: 844 });
    await shoot(studio, 'phone-console');
    await studio.setViewportSize({ width: 1440, height: 900 });
    await studio.getByRole('button', { name: 'Add poll' }).click();
    await studio.getByRole('textbox', { name: 'Question' }).fill('Which topic next?');
    await shoot(studio, 'studio-editor');
    await studio.keyboard.press('Escape');
  });

  await test.step('the wall, in every state', async () => {
    await stage.do({ highlight: { question: scene.questions[0]! } });
    await expect(wall.getByRole('region', { name: 'On the big screen now' })).toBeVisible();
    await shoot(wall, 'wall-poll-highlight');
    await stage.do({ highlight: { question: null } });
    await stage.do({ show: { stage: { question: { question: scene.questions[0]! } } } });
    await expect(wall.getByRole('heading', { name: /roll this back/ })).toBeVisible();
    await shoot(wall, 'wall-question');
    await stage.do({ show: { stage: { questions: {} } } });
    await expect(wall.getByRole('heading', { name: 'Questions' })).toBeVisible();
    await shoot(wall, 'wall-questions');
    await stage.do({ closePoll: { poll: polls.spend } });
    await scenes.word(scene);
    await expect(wall.locator('svg text').filter({ hasText: 'humbling' })).toBeVisible();
    await shoot(wall, 'wall-words');
    await fresh.getByLabel('Word 1').fill('indexes');
    await fresh.evaluate(() => window.scrollTo(0, 0));
    await shoot(fresh, 'phone-words');
    await stage.do({ closePoll: { poll: polls.word } });
    await scenes.monday(scene);
    await expect(wall.getByText('Talk to our DBA')).toBeVisible();
    await shoot(wall, 'wall-answers');
    await stage.do({ closePoll: { poll: polls.monday } });
    await scenes.tools(scene);
    await expect(wall.getByText('22 votes')).toBeVisible();
    await shoot(wall, 'wall-multiple');
    await stage.do({ closePoll: { poll: polls.tools } });
    await stage.do({ revote: { poll: polls.confident } });
    await stage.do({ show: { stage: { poll: { poll: polls.confident } } } });
    await Promise.all(
      people.map((p) => p.until((s) => s.polls.some((x) => x.id === polls.confident && x.round === 2))),
    );
    await Promise.all(people.map((p, i) => p.vote(polls.confident, 2 + (i % 3))));
    await expect(wall.getByText('24 votes')).toBeVisible();
    await shoot(wall, 'wall-rating');
  });

  await test.step('dashboard, the end, results', async () => {
    await studio.goto('/studio');
    await expect(studio.getByRole('heading', { name: 'Coming up' })).toBeVisible();
    await shoot(studio, 'studio-dashboard');
    await stage.do({ end: {} });
    await expect(fresh.getByRole('heading', { name: 'The workshop has ended.' })).toBeVisible();
    await shoot(fresh, 'phone-ended');
    await studio.goto(`/studio/s/${stage.session.id}/results`);
    await expect(studio.getByRole('heading', { level: 1, name: stage.session.title })).toBeVisible();
    await shoot(studio, 'studio-results');
  });
  await house.close();
});
