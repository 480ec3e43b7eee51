/** Plans of trainings as people make them: together, at the same time, with keys and fingers. */
import type { Page } from '@playwright/test';
import { examine, overflow } from './support/axe';
import { addPart, line, parts, saved, shoot, status, words } from './support/papers';
import { expect, type House, PHONE, test } from './support/test';
import type { Workshop } from './support/workshop';

const OBJECTIVE = 'Objective';
const title = (page: Page) => page.getByRole('textbox', { name: 'Title', exact: true });

const PLAN = {
  title: 'Postgres in anger',
  audience: 'Developers who write SQL every week',
  objective: 'Everybody finds out on their own why a query is slow.',
};

async function planned(workshop: Workshop): Promise<string> {
  return `/studio/plans/${(await workshop.api.createPlan(PLAN)).id}`;
}

async function both(house: House, workshop: Workshop, path: string): Promise<[Page, Page]> {
  const [ada, bo] = [await house.studio(workshop), await house.studio(await workshop.colleague('Bo', 'Tan'))];
  await Promise.all([ada.goto(path), bo.goto(path)]);
  await Promise.all([saved(ada), saved(bo)]);
  return [ada, bo];
}

test('from an empty list to a plan with an agenda', async ({ house, workshop }) => {
  const page = await house.studio(workshop);
  await page.goto('/studio');
  await page.getByRole('navigation', { name: 'Studio' }).getByRole('link', { name: 'Plans' }).click();
  await expect(page.getByRole('heading', { name: 'Plan a training together' })).toBeVisible();
  await examine(page, 'no plans yet');
  await page.getByRole('button', { name: 'New plan' }).click();
  await page.getByRole('button', { name: 'Create and write' }).click();
  await expect(page.getByText('Please give the plan a title.')).toBeVisible();
  await examine(page, 'a new plan without anything');
  await page.getByLabel('Title').fill(PLAN.title);
  await page.getByLabel('Audience').fill(PLAN.audience);
  await page.getByLabel('Objective').fill(PLAN.objective);
  await page.getByRole('button', { name: 'Create and write' }).click();
  await expect(title(page)).toHaveValue(PLAN.title);
  await saved(page);

  await page.getByRole('textbox', { name: 'Subtitle' }).fill('Reading plans, choosing indexes');
  await addPart(page, 'Welcome', 10);
  await addPart(page, 'Reading a query plan', 45);
  await addPart(page, 'Indexes that help', 50);
  await page.getByLabel('Minutes planned').fill('90');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('105 of 90 minutes')).toBeVisible();
  await expect(page.getByText('15 minutes too long')).toBeVisible();
  await page.getByLabel('Starts').fill('2030-05-04T09:30');
  await page.getByRole('button', { name: 'Save' }).click();
  const rows = page.getByRole('list', { name: 'Agenda' }).getByRole('listitem');
  await expect(rows.nth(2)).toContainText('10:25');
  await page.getByRole('button', { name: 'More about Reading a query plan' }).click();
  await page.getByRole('textbox', { name: 'What happens: Reading a query plan' }).click();
  await page.keyboard.type('In pairs, with the slowest query they brought.');
  await saved(page);
  await examine(page, 'a plan');
  await page.setViewportSize(PHONE);
  await examine(page, 'a plan on a phone');
  await page.setViewportSize({ width: 1440, height: 900 });

  await page.getByRole('link', { name: 'Plans' }).click();
  const row = page.getByRole('article').filter({ hasText: PLAN.title });
  await expect(row).toContainText('90 minutes');
  await examine(page, 'a list of plans');
  await row.getByRole('link').click();
  await expect.poll(() => parts(page)).toEqual(['Welcome', 'Reading a query plan', 'Indexes that help']);
});

test('two people write one plan, and move the same part at once', async ({ house, workshop }) => {
  const path = await planned(workshop);
  const ada = await house.studio(workshop);
  const bo = await house.studio(await workshop.colleague('Bo', 'Tan'));
  const wire = await line(bo);
  await Promise.all([ada.goto(path), bo.goto(path)]);
  await Promise.all([saved(ada), saved(bo)]);
  await expect(ada.getByRole('list', { name: 'Also here' })).toContainText('Bo Tan');

  // Both in one title, both in one paragraph.
  await title(ada).press('End');
  await title(bo).press('Home');
  await Promise.all([ada.keyboard.type(', part two', { delay: 15 }), bo.keyboard.type('Workshop: ', { delay: 15 })]);
  const whole = 'Workshop: Postgres in anger, part two';
  await expect(title(ada)).toHaveValue(whole);
  await expect(title(bo)).toHaveValue(whole);
  await ada.getByRole('textbox', { name: OBJECTIVE, exact: true }).click();
  await ada.keyboard.press('Control+End');
  await bo.getByRole('textbox', { name: OBJECTIVE, exact: true }).click();
  await bo.keyboard.press('Control+Home');
  await Promise.all([
    ada.keyboard.type(' And what to do.', { delay: 15 }),
    bo.keyboard.type('At the end: ', { delay: 15 }),
  ]);
  const objective = `At the end: ${PLAN.objective} And what to do.`;
  await expect.poll(() => words(ada, OBJECTIVE)).toBe(objective);
  await expect.poll(() => words(bo, OBJECTIVE)).toBe(objective);
  await expect(ada.locator('.caret-name', { hasText: 'Bo Tan' }).first()).toBeVisible();
  await expect(bo.locator('.caret-name', { hasText: 'Ada Lindqvist' }).first()).toBeVisible();

  // The server knows them apart, and undo takes back only one's own.
  await saved(bo);
  await saved(ada);
  await ada.getByRole('button', { name: 'Who wrote what' }).click();
  const field = ada.getByRole('textbox', { name: OBJECTIVE, exact: true });
  await expect(field.getByTitle('Bo Tan')).toHaveText('At the end: ');
  await expect(field.getByTitle('Ada Lindqvist').last()).toContainText('And what to do.');
  await ada.getByRole('button', { name: 'Who wrote what' }).click();
  const undo = bo.getByRole('button', { name: 'Undo my last change' });
  while ((await undo.getAttribute('aria-disabled')) !== 'true') await undo.click();
  await expect.poll(() => words(ada, OBJECTIVE)).toBe(`${PLAN.objective} And what to do.`);
  await expect(title(ada)).toHaveValue('Postgres in anger, part two');
  const redo = bo.getByRole('button', { name: 'Redo my change' });
  while ((await redo.getAttribute('aria-disabled')) !== 'true') await redo.click();
  await expect.poll(() => words(ada, OBJECTIVE)).toBe(objective);
  await expect(title(ada)).toHaveValue(whole);

  for (const [i, name] of ['Welcome', 'Plans', 'Indexes', 'Questions'].entries()) await addPart(ada, name, 10 + i);
  await expect.poll(() => parts(bo)).toEqual(['Welcome', 'Plans', 'Indexes', 'Questions']);
  await saved(ada);
  await ada.getByRole('textbox', { name: OBJECTIVE, exact: true }).click();
  await bo.getByRole('textbox', { name: OBJECTIVE, exact: true }).click();
  await shoot(ada, 'plan-studio');

  // The same part to two places while they do not hear of each other.
  await wire.cut();
  await expect(status(bo)).toContainText('Offline');
  await ada.getByRole('button', { name: 'Move Welcome' }).press('End');
  await bo.getByRole('button', { name: 'Move Welcome' }).press('ArrowDown');
  await expect.poll(() => parts(ada)).toEqual(['Plans', 'Indexes', 'Questions', 'Welcome']);
  await expect.poll(() => parts(bo)).toEqual(['Plans', 'Welcome', 'Indexes', 'Questions']);
  await expect(bo.getByRole('button', { name: 'Move Welcome' })).toBeFocused();
  wire.mend();
  await saved(bo);
  await expect.poll(async () => (await parts(ada)).join() === (await parts(bo)).join()).toBe(true);
  expect([...(await parts(ada))].sort()).toEqual(['Indexes', 'Plans', 'Questions', 'Welcome']);

  const last = await parts(ada);
  await saved(ada);
  await ada.reload();
  await expect.poll(() => parts(ada)).toEqual(last);
  await expect(title(ada)).toHaveValue(whole);
  expect(await words(ada, OBJECTIVE)).toBe(objective);
});

test('parts are moved with the mouse, by the menu and by keys, and come back after removal', async ({
  house,
  workshop,
}) => {
  const page = await house.studio(workshop);
  await page.goto(await planned(workshop));
  await saved(page);
  for (const name of ['A', 'B', 'C']) await addPart(page, name, 5);
  const grip = (name: string) => page.getByRole('button', { name: `Move ${name}`, exact: true });
  await grip('C').scrollIntoViewIfNeeded();
  await grip('C').hover();
  await page.mouse.down();
  const above = (await grip('A').boundingBox())!;
  await page.mouse.move(above.x + 4, above.y + 30, { steps: 4 });
  await page.mouse.move(above.x + 4, above.y - 6, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => parts(page)).toEqual(['C', 'A', 'B']);
  await expect(page.getByText('C is number 1 of 3 now.')).toBeAttached();
  await grip('C').press('End');
  await expect.poll(() => parts(page)).toEqual(['A', 'B', 'C']);
  await page.getByLabel('More for “C”').click();
  await page.getByRole('button', { name: 'Move up' }).click();
  await expect.poll(() => parts(page)).toEqual(['A', 'C', 'B']);
  await page.getByLabel('More for “C”').click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => parts(page)).toEqual(['A', 'B']);
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expect.poll(() => parts(page)).toEqual(['A', 'C', 'B']);
  await saved(page);
});

test('a title that cannot be taken over says so, and lists keep the last good one', async ({ house, workshop }) => {
  const path = await planned(workshop);
  const page = await house.studio(workshop);
  await page.goto(path);
  await saved(page);
  await title(page).fill('');
  await expect(page.getByText('This must not be blank: lists still show the last good one.')).toBeVisible();
  await expect(title(page)).toHaveAttribute('aria-invalid', 'true');
  await examine(page, 'a plan with a fault');
  const other = await house.studio(workshop);
  await other.goto('/studio/plans');
  await expect(other.getByRole('link', { name: PLAN.title })).toBeVisible();
  await title(page).fill('Postgres, calmly');
  await expect(page.getByText('lists still show the last good one.')).toBeHidden();
  await expect(async () => {
    await other.reload();
    await expect(other.getByRole('link', { name: 'Postgres, calmly' })).toBeVisible({ timeout: 2_000 });
  }).toPass();
});

test('a schedule that somebody else has changed is shown before it is written over', async ({ house, workshop }) => {
  const [ada, bo] = await both(house, workshop, await planned(workshop));
  await bo.getByLabel('Minutes planned').fill('90');
  await ada.getByLabel('Minutes planned').fill('120');
  await ada.getByRole('button', { name: 'Save' }).click();
  await expect(ada.getByText('0 of 120 minutes')).toBeVisible();
  await bo.getByRole('button', { name: 'Save' }).click();
  await expect(bo.getByText('Somebody else has changed the schedule.')).toBeVisible();
  await expect(bo.getByText('It now says: No date yet, 120 minutes.')).toBeVisible();
  await examine(bo, 'a conflict');
  await bo.getByRole('button', { name: 'Keep theirs' }).click();
  await expect(bo.getByLabel('Minutes planned')).toHaveValue('120');
});

test('a version comes back while somebody else writes, and goes again', async ({ house, workshop }) => {
  const [ada, bo] = await both(house, workshop, await planned(workshop));
  await ada.getByRole('button', { name: 'Versions' }).click();
  const panel = ada.getByRole('dialog', { name: 'Versions' });
  await panel.getByLabel('Keep this moment under a name').fill('First draft');
  await panel.getByRole('button', { name: 'Keep', exact: true }).click();
  await expect(panel.getByRole('button', { name: /First draft/ })).toBeVisible();
  await ada.keyboard.press('Escape');

  await title(ada).fill('Something else entirely');
  await addPart(ada, 'Added later', 20);
  await saved(ada);
  await expect(title(bo)).toHaveValue('Something else entirely');
  await bo.getByRole('textbox', { name: 'Subtitle' }).fill('Bo');

  await ada.getByRole('button', { name: 'Versions' }).click();
  await panel.getByRole('button', { name: /First draft/ }).click();
  await expect(panel.locator('ins', { hasText: 'Something' }).first()).toBeVisible();
  await expect(panel.locator('del', { hasText: 'Postgres' }).first()).toBeVisible();
  await expect(panel.locator('ins', { hasText: 'Added later' }).first()).toBeVisible();
  await shoot(ada, 'plan-versions');
  await examine(ada, 'what has changed since a version');
  await panel.getByRole('button', { name: 'The whole text' }).click();
  await expect(panel.getByText(PLAN.objective)).toBeVisible();

  await panel.getByRole('button', { name: 'Bring back' }).click();
  const sure = ada.getByRole('dialog', { name: /Bring back the version/ });
  await bo.getByRole('textbox', { name: OBJECTIVE, exact: true }).click();
  await bo.keyboard.press('Control+End');
  await Promise.all([
    sure.getByRole('button', { name: 'Bring back' }).click(),
    bo.keyboard.type(' before and after', { delay: 20 }),
  ]);
  await expect(title(bo)).toHaveValue(PLAN.title);
  await expect.poll(() => parts(bo)).toEqual([]);
  // Whoever was writing has the caret still, and goes on.
  await bo.keyboard.type(' Still here.');
  await expect.poll(() => words(ada, OBJECTIVE)).toMatch(/^Everybody finds out.* Still here\.$/);
  await expect.poll(async () => (await words(ada, OBJECTIVE)) === (await words(bo, OBJECTIVE))).toBe(true);
  await ada.getByRole('button', { name: 'Undo', exact: true }).first().click();
  await expect(title(bo)).toHaveValue('Something else entirely');
  await expect.poll(() => parts(bo)).toEqual(['Added later']);
});

test('a plan on a phone: nothing is cut off, and it is taken along as a file', async ({ house, workshop }) => {
  const path = await planned(workshop);
  const page = await house.studio(workshop, { viewport: PHONE, hasTouch: true, isMobile: true });
  await page.goto(path);
  await saved(page);
  await addPart(page, 'Reading a query plan together, in pairs', 45);
  await addPart(page, 'Indexes', 30);
  expect(await overflow(page)).toEqual([]);
  await page.evaluate(() => window.scrollTo(0, 0));
  await shoot(page, 'plan-phone');
  await page.getByLabel('More', { exact: true }).click();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as Markdown' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('Postgres in anger.md');
  await page.getByRole('button', { name: 'Share' }).click();
  await expect(page.getByText('Nobody was invited yet.')).toBeVisible();
  await page.getByLabel('Find somebody').fill('nobody of this name');
  await expect(page.getByText('Nobody else with this name.')).toBeVisible();
  await examine(page, 'sharing on a phone');
});
