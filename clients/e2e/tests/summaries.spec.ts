/** Summaries: written together, approved, and then as they are. */
import { examine } from './support/axe';
import { saved, shoot, status, words } from './support/papers';
import { expect, PHONE, test } from './support/test';

const TEXT = 'Text for the client';

test('a summary is written, approved, stays as it is, and is reopened', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Coaching with Noor' });
  await stage.begin();
  await stage.do({ end: {} });
  const ada = await house.studio(workshop);
  await ada.goto('/studio');
  await ada.getByRole('navigation', { name: 'Studio' }).getByRole('link', { name: 'Summaries' }).click();
  await expect(ada.getByRole('heading', { name: 'Keep what came out of it' })).toBeVisible();
  await examine(ada, 'no summaries yet');
  await ada.getByRole('button', { name: 'New summary' }).click();
  await ada.getByLabel('Client', { exact: true }).fill('Noor Haddad');
  await ada.getByLabel(/^Live session/).selectOption({ index: 1 });
  await examine(ada, 'a new summary');
  await ada.getByRole('button', { name: 'Create and write' }).click();
  await expect(ada.getByRole('heading', { level: 1, name: 'Noor Haddad' })).toBeVisible();
  await saved(ada);

  await ada.getByRole('button', { name: 'Approve' }).click();
  await expect(ada.getByText('Write the text for the client first')).toBeVisible();

  const bo = await house.studio(await workshop.colleague('Bo', 'Tan'));
  await bo.goto(ada.url());
  await saved(bo);
  await ada.getByRole('textbox', { name: 'Wins', exact: true }).click();
  await bo.getByRole('textbox', { name: 'Challenges', exact: true }).click();
  await Promise.all([
    ada.keyboard.type('Delegates without checking back.', { delay: 5 }),
    bo.keyboard.type('The calendar is still too full.', { delay: 5 }),
  ]);
  await expect.poll(() => words(bo, 'Wins')).toBe('Delegates without checking back.');
  await expect.poll(() => words(ada, 'Challenges')).toBe('The calendar is still too full.');
  await expect(ada.locator('.caret-name', { hasText: 'Bo Tan' })).toBeVisible();
  await expect(bo.locator('.caret-name', { hasText: 'Ada Lindqvist' })).toBeVisible();
  await saved(ada);
  await saved(bo);
  await bo.getByRole('button', { name: 'Who wrote what' }).click();
  await expect(bo.getByRole('textbox', { name: 'Wins', exact: true }).getByTitle('Ada Lindqvist')).toHaveText(
    'Delegates without checking back.',
  );
  await expect(bo.getByRole('textbox', { name: 'Challenges', exact: true }).getByTitle('Bo Tan')).toHaveText(
    'The calendar is still too full.',
  );
  await bo.getByRole('button', { name: 'Who wrote what' }).click();

  await ada.getByRole('button', { name: 'Add an action item' }).click();
  await ada.keyboard.type('Block two mornings a week');
  const owner = ada.getByLabel('Who does it: Block two mornings a week');
  await owner.fill('Noor');
  await owner.press('Tab');
  await ada.getByLabel('Until when: Block two mornings a week').fill('2030-06-01');
  await bo.getByRole('checkbox', { name: 'Done: Block two mornings a week' }).check();
  await expect(ada.getByRole('checkbox', { name: 'Done: Block two mornings a week' })).toBeChecked();
  await ada.getByRole('textbox', { name: TEXT, exact: true }).click();
  await ada.keyboard.type('Dear Noor, thank you for today.');
  await saved(ada);
  await ada.evaluate(() => window.scrollTo(0, 0));
  await shoot(ada, 'summary-studio');
  await examine(ada, 'a summary');

  await ada.getByRole('button', { name: 'Approve' }).click();
  await expect(ada.getByText('It stays as it is; reopen it to change something.')).toBeVisible();
  await expect(status(ada)).toHaveText('Read only');
  await expect(ada.getByRole('textbox', { name: TEXT, exact: true })).toHaveAttribute('contenteditable', 'false');
  // Whoever has it open as well hears of it.
  await expect(status(bo)).toHaveText('Read only');
  await expect(bo.getByText('It stays as it is; reopen it to change something.')).toBeVisible();
  await expect(bo.getByRole('button', { name: 'Add an action item' })).toBeHidden();
  await examine(ada, 'an approved summary');
  await shoot(bo, 'summary-approved');
  await ada.setViewportSize(PHONE);
  await examine(ada, 'an approved summary on a phone');
  await ada.setViewportSize({ width: 1440, height: 900 });

  await ada.getByRole('button', { name: 'Reopen' }).click();
  await ada.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click();
  await expect(ada.getByRole('button', { name: 'Approve' })).toBeVisible();
  await saved(ada);
  await saved(bo);
  await bo.getByRole('textbox', { name: TEXT, exact: true }).click();
  await bo.keyboard.press('Control+End');
  await bo.keyboard.type(' Until next month.');
  await expect.poll(() => words(ada, TEXT)).toBe('Dear Noor, thank you for today. Until next month.');

  await ada.getByRole('link', { name: 'Summaries' }).click();
  await expect(ada.getByRole('article').filter({ hasText: 'Noor Haddad' })).toContainText('In work');
  await examine(ada, 'a list of summaries');
});
