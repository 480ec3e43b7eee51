/** The editor of shared documents with all its tools, on the notes of a session: two browsers and a phone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { examine } from './support/axe';
import { smaller } from './support/png';
import { line as cuttable } from './support/papers';
import { expect, type House, PHONE, test } from './support/test';
import type { Person, Stage, Workshop } from './support/workshop';

const FOLDER = fileURLToPath(new URL('../../../docs/screenshots/', import.meta.url));

const text = (page: Page) => page.getByRole('textbox', { name: 'Shared notes' });
const status = (page: Page) => page.locator('[data-status]');
const margin = (page: Page) => page.getByRole('complementary', { name: 'Comments and suggestions' });

/** Only when asked for: a test leaves nothing behind. */
async function shoot(page: Page, name: string): Promise<void> {
  if (!process.env.E2E_SCREENSHOTS) return;
  mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => document.fonts.ready);
    const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    writeFileSync(`${FOLDER}${name}-${colorScheme}.png`, smaller(picture));
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The text without what the carets of others add to the page. */
const words = (page: Page): Promise<string> =>
  text(page).evaluate((root) => {
    const copy = root.cloneNode(true) as Element;
    for (const caret of copy.querySelectorAll('.caret')) caret.remove();
    return copy.textContent.replace(/[\u2060\u00a0]/g, (c) => (c === '\u00a0' ? ' ' : ''));
  });

async function running(workshop: Workshop): Promise<Stage> {
  const stage = await workshop.stage({ title: 'Postgres in anger', needsName: true });
  await stage.begin();
  return stage;
}

async function open(page: Page, stage: Stage): Promise<void> {
  await page.goto(`/studio/s/${stage.session.id}/notes`);
  await expect(text(page)).toBeVisible();
  await expect(status(page)).toHaveText('Saved');
}

async function host(house: House, who: Person, stage: Stage): Promise<Page> {
  const page = await house.studio(who);
  await open(page, stage);
  return page;
}

/** Ada and Bo, who have accounts of their own. */
async function both(house: House, workshop: Workshop, stage: Stage): Promise<[Page, Page]> {
  const colleague = await workshop.colleague('Bo', 'Tan');
  return [await host(house, workshop, stage), await host(house, colleague, stage)];
}

async function guest(house: House, stage: Stage, name: string): Promise<Page> {
  const phone = await house.phone();
  await phone.goto(`/${stage.code}`);
  await phone.getByLabel('Your name').fill(name);
  await phone.getByRole('button', { name: 'Join', exact: true }).click();
  await phone.getByRole('button', { name: 'Open the shared notes' }).click();
  await expect(text(phone)).toBeVisible();
  return phone;
}

/** Selects words of the text with the keyboard's help, as a person would with the mouse. */
async function select(page: Page, words: string, field = 'Shared notes'): Promise<void> {
  await page.getByRole('textbox', { name: field }).evaluate((root, words) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = node.textContent!.indexOf(words);
      if (at < 0) continue;
      (root as HTMLElement).focus();
      getSelection()!.setBaseAndExtent(node, at, node, at + words.length);
      return;
    }
    throw new Error(`not there: ${words}`);
  }, words);
}

test('a remark is anchored to its words, answered, resolved and seen by the other', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const [ada, bo] = await both(house, workshop, stage);
  await text(ada).click();
  await ada.keyboard.type('Indexes help a lot, until they do not.');
  await expect(text(bo)).toContainText('until they do not.');

  await select(ada, 'until they do not');
  await ada.keyboard.press('Control+Alt+m');
  await ada.getByRole('textbox', { name: 'Your comment' }).fill('Say when.');
  await ada.keyboard.press('Control+Enter');
  await expect(margin(bo).getByText('Say when.')).toBeVisible();
  await expect(margin(bo).getByRole('article', { name: 'Comment by Ada Lindqvist' })).toBeVisible();
  await expect(bo.locator('.remark').filter({ hasText: 'until they do not' })).toBeVisible();

  // Words before it move it, and it stays with its own.
  await text(bo).click();
  await bo.keyboard.press('Control+Home');
  await bo.keyboard.type('We know: ');
  await expect(ada.locator('.remark').filter({ hasText: /^until they do not$/ })).toBeVisible();
  await margin(bo).getByRole('textbox', { name: 'Your reply' }).fill('After a million rows.');
  await margin(bo).getByRole('button', { name: 'Reply' }).click();
  await expect(margin(ada).getByText('After a million rows.')).toBeVisible();
  await expect(margin(ada).locator('.remark').filter({ hasText: 'After a million rows.' })).toContainText('Bo Tan');
  // One's own only.
  await expect(margin(ada).getByRole('button', { name: 'Delete' })).toHaveCount(1);
  await expect(margin(ada).locator('.remark').first().getByRole('button', { name: 'Delete' })).toBeVisible();

  // From the margin to the text with the keyboard.
  await margin(ada).getByRole('button', { name: 'Show in the text: until they do not' }).press('Enter');
  await expect(text(ada)).toBeFocused();
  expect(await ada.evaluate(() => getSelection()!.toString())).toBe('until they do not');
  await examine(ada, 'a document with a remark');

  await margin(bo).getByRole('button', { name: 'Resolve' }).click();
  await expect(margin(ada).getByText('1 resolved')).toBeVisible();
  await expect(ada.locator('.sheet .remark')).toHaveCount(0);
  await margin(ada).getByText('1 resolved').click();
  await margin(ada).getByRole('button', { name: 'Open again' }).click();
  await expect(bo.locator('.sheet .remark')).toHaveCount(1);

  // Its words go, the remark stays and says so.
  await select(bo, 'until they do not');
  await bo.keyboard.press('Delete');
  await expect(margin(ada).getByText('These words are no longer in the text.')).toBeVisible();
  await expect(margin(ada).getByText('until they do not')).toBeVisible();
  await margin(ada).getByRole('button', { name: 'Delete' }).first().click();
  await margin(ada).getByRole('button', { name: 'Really delete' }).click();
  await expect(margin(bo).getByText('Say when.')).toBeHidden();
  await expect(status(ada)).toHaveText('Saved');
  await ada.reload();
  await expect(text(ada)).toContainText('We know: Indexes help a lot, .');
  await expect(margin(ada).getByText('Say when.')).toBeHidden();
});

test('what is suggested changes nothing until somebody accepts it', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const [ada, bo] = await both(house, workshop, stage);
  await ada.getByRole('radio', { name: 'read', exact: true }).check();
  const reader = await guest(house, stage, 'Cy');
  await text(ada).click();
  await ada.keyboard.type('Indexes help a lot.');
  await expect(text(bo)).toContainText('a lot.');

  await ada.getByRole('button', { name: 'Suggest' }).click();
  await text(bo).click();
  await bo.keyboard.press('Control+Home');
  await expect.poll(() => bo.evaluate(() => getSelection()!.anchorOffset)).toBe(0);
  await select(ada, 'a lot');
  // Both at once: one suggests, the other writes.
  await Promise.all([ada.keyboard.type('most queries', { delay: 15 }), bo.keyboard.type('Sometimes ', { delay: 15 })]);
  for (const page of [ada, bo, reader]) {
    await expect(text(page).locator('del')).toHaveText('a lot');
    await expect(text(page).locator('ins')).toHaveText('most queries');
    await expect.poll(() => words(page)).toContain('Sometimes Indexes help');
  }
  await expect(margin(bo).getByText('Replace “a lot” with “most queries”')).toBeVisible();
  await expect(margin(bo).getByRole('listitem').filter({ hasText: 'a lot' })).toContainText('Ada Lindqvist');
  await expect(bo.locator('.caret-name', { hasText: 'Ada Lindqvist' })).toBeVisible();
  // A paragraph cannot be suggested, and is not made.
  await ada.keyboard.press('Enter');
  await expect(text(ada).locator('p')).toHaveCount(1);
  await examine(bo, 'a document with a suggestion');

  await margin(bo)
    .getByRole('button', { name: /^Accept: / })
    .click();
  for (const page of [ada, bo, reader]) {
    await expect(text(page).locator('del, ins')).toHaveCount(0);
    await expect.poll(() => words(page)).toBe('Sometimes Indexes help most queries.');
  }
  await text(ada).click();
  await ada.keyboard.press('Control+End');
  await ada.keyboard.type(' Or not');
  await expect(margin(bo).getByText('Insert “ Or not”')).toBeVisible();
  await margin(bo)
    .getByRole('button', { name: /^Reject: / })
    .click();
  await expect(text(ada)).not.toContainText('Or not');
  // Who accepted may take that back, and only that.
  await text(bo).focus();
  await bo.keyboard.press('Control+z');
  await expect(text(ada).locator('ins')).toHaveText(' Or not');
});

test('who wrote what is shown on demand, by more than colours', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const ada = await host(house, workshop, stage);
  await ada.getByRole('radio', { name: 'write' }).check();
  const cy = await guest(house, stage, 'Cy Twombly');
  await text(ada).click();
  await ada.keyboard.type('Indexes help.');
  await expect(text(cy)).toContainText('Indexes help.');
  await text(cy).click();
  await cy.keyboard.press('Control+End');
  await cy.keyboard.type(' Not always.');
  await expect(status(cy)).toHaveText('Saved');
  await expect(text(ada)).toContainText('Not always.');
  await ada.getByRole('button', { name: 'Who wrote what' }).click();
  const legend = margin(ada).getByRole('list');
  await expect(legend.getByRole('listitem').filter({ hasText: 'Ada Lindqvist' })).toBeVisible();
  await expect(legend.getByRole('listitem').filter({ hasText: 'Cy Twombly' })).toBeVisible();
  await expect(text(ada).getByTitle('Ada Lindqvist')).toHaveText('Indexes help.');
  await expect(text(ada).getByTitle('Cy Twombly')).toHaveText(' Not always.');
  await expect(text(ada).getByRole('img', { name: 'Cy Twombly' })).toHaveText('CT');
  await shoot(ada, 'editor-authors');
  await examine(ada, 'who wrote what');
  await ada.getByRole('button', { name: 'Who wrote what' }).click();
  await expect(text(ada).getByTitle('Cy Twombly')).toHaveCount(0);
});

test('tables and lists come from the keyboard', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const [ada, bo] = await both(house, workshop, stage);
  await text(ada).click();
  await ada.keyboard.type('/tab');
  const list = ada.getByRole('listbox', { name: 'Insert' });
  await expect(list.getByRole('option', { name: 'Table' })).toHaveAttribute('aria-selected', 'true');
  const active = await text(ada).getAttribute('aria-activedescendant');
  expect(active).toBe(await list.getByRole('option', { name: 'Table' }).getAttribute('id'));
  await ada.keyboard.press('Enter');
  await expect(list).toBeHidden();
  await ada.keyboard.type('Query');
  await ada.keyboard.press('Tab');
  await ada.keyboard.type('Plan');
  await expect(text(bo).locator('tr').first().locator('th')).toContainText(['Query', 'Plan', '']);
  await expect(text(ada)).not.toContainText('/tab');

  // The table's own tools, reached and used with keys.
  const tools = ada.getByRole('toolbar', { name: 'Table' });
  await tools.getByRole('button', { name: 'Row above' }).focus();
  await ada.keyboard.press('ArrowRight');
  await expect(tools.getByRole('button', { name: 'Row below' })).toBeFocused();
  await ada.keyboard.press('Enter');
  await expect(text(bo).locator('tr')).toHaveCount(4);
  await tools.getByRole('button', { name: 'Column after' }).click();
  await expect(text(bo).locator('tr').first().locator('th')).toHaveCount(4);
  await tools.getByRole('button', { name: 'Delete column' }).click();
  await tools.getByRole('button', { name: 'Delete row' }).click();
  await expect(text(bo).locator('tr')).toHaveCount(3);
  await examine(ada, 'a document with a table');
  await tools.getByRole('button', { name: 'Delete table' }).click();
  await expect(text(bo).locator('table')).toHaveCount(0);

  // Somebody of the organization is named.
  await text(ada).click();
  await ada.keyboard.type('Ask @lind');
  await expect(ada.getByRole('option', { name: 'Ada Lindqvist' })).toHaveAttribute('aria-selected', 'true');
  await ada.keyboard.press('Enter');
  await ada.keyboard.type('first. ');
  await expect(text(bo).locator('.mention')).toHaveText('@Ada Lindqvist');
  await expect.poll(() => words(bo)).toContain('Ask @Ada Lindqvist first.');

  await ada.keyboard.type('/');
  await ada.keyboard.press('Escape');
  await expect(list).toBeHidden();
  await ada.keyboard.type(' or');
  await expect(text(bo)).toContainText('/ or');
  // The same list for whoever uses the mouse.
  await ada.keyboard.press('Enter');
  await ada.getByRole('button', { name: 'Insert table, image and more' }).click();
  await list.getByRole('option', { name: 'Checklist' }).click();
  await ada.keyboard.type('Read the plan');
  await expect(text(bo).getByRole('listitem').filter({ hasText: 'Read the plan' })).toBeVisible();
});

test('an image is described, sent and seen by everybody', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const ada = await host(house, workshop, stage);
  await ada.getByRole('radio', { name: 'read', exact: true }).check();
  const reader = await guest(house, stage, 'Cy');
  await text(ada).click();
  await ada.keyboard.type('Before');
  await ada.keyboard.press('Enter');
  const photo = await ada.evaluate(async () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [3_000, 1_500];
    const pen = canvas.getContext('2d')!;
    pen.fillStyle = '#159a79';
    pen.fillRect(0, 0, 3_000, 1_500);
    const blob = await new Promise<Blob>((done) => canvas.toBlob((b) => done(b!), 'image/jpeg'));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  // As a camera writes it: with where it was taken.
  const place = Buffer.from('Exif\0\0GPS 52.5200 N 13.4050 E');
  const jpeg = Buffer.from(photo);
  const marked = Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xe1, 0, place.length + 2]),
    place,
    jpeg.subarray(2),
  ]);
  await ada.keyboard.type('/ima');
  const chooser = ada.waitForEvent('filechooser');
  await ada.keyboard.press('Enter');
  await (await chooser).setFiles({ name: 'plan.jpg', mimeType: 'image/jpeg', buffer: marked });
  const dialog = ada.getByRole('dialog', { name: 'Insert an image' });
  await dialog.getByRole('button', { name: 'Insert image' }).click();
  await expect(dialog.getByText('Please describe the image')).toBeVisible();
  await examine(ada, 'the dialog for an image');
  await dialog.getByRole('textbox', { name: 'What is to be seen?' }).fill('A query plan');
  await dialog.getByRole('button', { name: 'Insert image' }).click();
  for (const page of [ada, reader]) {
    const image = text(page).getByRole('img', { name: 'A query plan' });
    await expect(image).toBeVisible();
    await expect.poll(() => image.evaluate((e: HTMLImageElement) => e.naturalWidth)).toBe(2_000);
  }
  const src = (await text(ada).getByRole('img').getAttribute('src'))!;
  const kept = await (await ada.request.get(src)).body();
  expect([marked.includes('GPS'), kept.includes('GPS'), kept.length > 1_000]).toEqual([true, false, true]);
  await text(ada).getByRole('img').click();
  await ada.getByRole('textbox', { name: 'Description of the image' }).fill('A plan with a sequential scan');
  await ada.keyboard.press('Enter');
  await expect(text(reader).getByRole('img', { name: 'A plan with a sequential scan' })).toBeVisible();
  await examine(ada, 'a document with an image');

  // The same by pasting, without words for what is only decoration.
  await text(ada).getByText('Before').click();
  await text(ada).evaluate(async (root) => {
    const canvas = document.createElement('canvas');
    const blob = await new Promise<Blob>((done) => canvas.toBlob((b) => done(b!), 'image/png'));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], 'line.png', { type: 'image/png' }));
    root.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  await dialog.getByRole('checkbox', { name: 'Only decoration' }).check();
  await dialog.getByRole('button', { name: 'Insert image' }).click();
  await expect(text(reader).locator('img[alt=""]')).toHaveCount(1);
});

test('when the right to write went away offline, the words can still be copied', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const ada = await host(house, workshop, stage);
  await ada.getByRole('radio', { name: 'write' }).check();
  const phone = await house.phone({ permissions: ['clipboard-read', 'clipboard-write'] });
  const line = await cuttable(phone);
  await phone.goto(`/${stage.code}`);
  await phone.getByLabel('Your name').fill('Cy');
  await phone.getByRole('button', { name: 'Join', exact: true }).click();
  await phone.getByRole('button', { name: 'Open the shared notes' }).click();
  await text(phone).click();
  await phone.keyboard.type('Kept. ');
  await expect(status(phone)).toHaveText('Saved');
  await line.cut();
  await expect(status(phone)).toHaveText('Offline. Reconnecting …');
  await phone.keyboard.type('Lost?');
  // Nothing is stored on the phones of participants.
  await expect(status(phone)).toHaveText('Offline, not saved. Keep this page open: it is sent on return.');
  expect(await phone.evaluate(async () => (await indexedDB.databases()).length)).toBe(0);
  await ada.getByRole('radio', { name: 'read', exact: true }).check();
  line.mend();
  await expect(status(phone)).toHaveText('Read only now. The last change made here was not saved.');
  await phone.getByRole('button', { name: 'Copy my text' }).click();
  await expect.poll(() => phone.evaluate(() => navigator.clipboard.readText())).toBe('Kept. Lost?');
  await phone.getByRole('button', { name: 'Discard and show what is saved' }).click();
  await expect(text(phone)).toHaveText('Kept. ');
});

test('signing out leaves nothing of the words in the browser', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const ada = await house.studio(workshop);
  const line = await cuttable(ada);
  await open(ada, stage);
  await text(ada).click();
  await ada.keyboard.type('Not for the next one');
  await expect(status(ada)).toHaveText('Saved');
  const kept = () =>
    ada.evaluate(
      () =>
        new Promise<number>((done, failed) => {
          const request = indexedDB.open('atelier.drafts');
          request.onerror = failed;
          request.onsuccess = () => {
            const count = request.result.transaction('updates').objectStore('updates').count();
            count.onsuccess = () => {
              request.result.close();
              done(count.result);
            };
          };
        }),
    );
  expect(await kept()).toBeGreaterThan(0);
  // Words that are only here are not deleted without a question.
  await line.cut();
  await expect(status(ada)).toHaveText('Offline. Reconnecting …');
  await ada.keyboard.type(', offline');
  await expect(status(ada)).toHaveText('Offline. Saved on this device, not yet on the server.');
  await ada.goto('/studio');
  await ada.locator('summary').filter({ hasText: 'Ada Lindqvist' }).click();
  await ada.getByRole('button', { name: 'Sign out' }).click();
  await expect(ada.getByRole('dialog').getByText('only on this device')).toBeVisible();
  await ada.getByRole('button', { name: 'Cancel' }).click();
  line.mend();
  await open(ada, stage);
  await expect(text(ada)).toHaveText('Not for the next one, offline');
  await ada.goto('/studio');
  await ada.locator('summary').filter({ hasText: 'Ada Lindqvist' }).click();
  await ada.getByRole('button', { name: 'Sign out' }).click();
  await expect(ada.getByRole('heading', { name: /sign in/i })).toBeVisible();
  expect(await kept()).toBe(0);
});

test('remarks and suggestions in the fields of a plan', async ({ house, workshop }) => {
  const plan = await workshop.api.createPlan({
    title: 'Postgres in anger',
    audience: 'Developers',
    objective: 'Everybody finds out why a query is slow.',
  });
  const [ada, bo] = [await house.studio(workshop), await house.studio(await workshop.colleague('Bo', 'Tan'))];
  const objective = (page: Page) => page.getByRole('textbox', { name: 'Objective' });
  for (const page of [ada, bo]) {
    await page.goto(`/studio/plans/${plan.id}`);
    await expect(objective(page)).toContainText('why a query is slow');
  }
  await select(ada, 'a query', 'Objective');
  await ada.getByRole('button', { name: 'Comment', exact: true }).click();
  await ada.getByRole('textbox', { name: 'Your comment' }).fill('Whose?');
  await ada.keyboard.press('Control+Enter');
  await expect(bo.getByRole('article').getByText('Whose?')).toBeVisible();
  await expect(objective(bo).locator('.remark')).toHaveText('a query');
  await bo.getByRole('button', { name: 'Suggest' }).click();
  await select(bo, 'slow', 'Objective');
  await bo.keyboard.type('late');
  await ada.getByRole('button', { name: 'Accept: Replace “slow” with “late”' }).click();
  await expect(objective(bo)).toHaveText(/why a query is late\./);
  await examine(ada, 'a plan with a remark');
});

test('a full page, on a desk and on a phone', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const [ada, bo] = await both(house, workshop, stage);
  await text(ada).click();
  await ada.getByRole('button', { name: 'Heading', exact: true }).click();
  await ada.keyboard.type('What we found');
  await ada.keyboard.press('Enter');
  await ada.keyboard.type('Indexes help a lot, until they do not. Most of us never read a plan.');
  await ada.keyboard.press('Enter');
  await ada.keyboard.type('/tab');
  await ada.keyboard.press('Enter');
  for (const cell of ['Query', 'Before', 'After', 'Orders of a day', '2.1 s', '40 ms', 'Search', '9 s']) {
    await ada.keyboard.type(cell);
    await ada.keyboard.press('Tab');
  }
  await ada.keyboard.type('0.3 s');
  await select(ada, 'until they do not');
  await ada.getByRole('button', { name: 'Comment', exact: true }).click();
  await ada.getByRole('textbox', { name: 'Your comment' }).fill('Say when: after a million rows?');
  await ada.keyboard.press('Control+Enter');
  await expect(text(bo)).toContainText('0.3 s');
  await bo.getByRole('button', { name: 'Suggest' }).click();
  await select(bo, 'never');
  await bo.keyboard.type('seldom');
  await expect(margin(ada).getByText('Replace “never” with “seldom”')).toBeVisible();
  await expect(ada.locator('.caret-name')).toBeVisible();
  await expect(status(ada)).toHaveText('Saved');
  await shoot(ada, 'editor-studio');
  await text(ada).getByText('0.3 s').click();
  await ada.keyboard.type(' /');
  await expect(ada.getByRole('listbox', { name: 'Insert' })).toBeVisible();
  await shoot(ada, 'editor-slash');
  await ada.keyboard.press('Escape');
  await ada.setViewportSize(PHONE);
  await ada.evaluate(() => scrollTo(0, 0));
  await shoot(ada, 'editor-narrow');
  await examine(ada, 'a full document on a narrow page');
  expect(await ada.evaluate(() => document.documentElement.scrollWidth), 'no wider than the page').toBe(PHONE.width);
});
