/** What hosts do all the time, as hands do it. */
import { expect, type Locator, type Page } from '@playwright/test';
import { type House, WALL } from './test';

export interface Draft {
  kind: string;
  question: string;
  options?: string[];
  visibility?: string;
}

/** Writes a poll in the editor. */
export async function addPoll(host: Page, draft: Draft): Promise<void> {
  await host.getByRole('button', { name: 'Add poll' }).first().click();
  const dialog = host.getByRole('dialog', { name: 'New poll' });
  await dialog.getByRole('radio', { name: draft.kind }).check();
  await dialog.getByLabel('Question').fill(draft.question);
  const options = draft.options ?? [];
  for (const [i, text] of options.entries()) {
    const field = dialog.getByLabel(`Answer ${'ABCDEFGHIJKLMNOPQRST'[i]}`, { exact: true });
    if ((await field.count()) === 0) await dialog.getByRole('button', { name: 'Add answer' }).click();
    await field.fill(text);
  }
  await dialog.getByLabel('Who sees the results').selectOption({ label: draft.visibility ?? 'Everybody, at once' });
  await dialog.getByRole('button', { name: 'Add to the plan' }).click();
  await expect(dialog).toBeHidden();
}

/** Opens the big screen as the host does, and moves it to a browser of its own: a projector knows nobody. */
export async function openScreen(host: Page, house: House): Promise<Page> {
  const popup = host.waitForEvent('popup');
  await host.getByRole('button', { name: 'Open big screen' }).first().click();
  const view = await popup;
  await view.waitForURL(/\/screen\/.+#.+/);
  const address = view.url();
  await view.close();
  const wall = await house.page({ viewport: WALL });
  await wall.goto(address);
  return wall;
}

export async function menu(page: Page, name: string | RegExp, item: string | RegExp): Promise<void> {
  const summary =
    typeof name === 'string'
      ? page.locator(`summary[aria-label="${name}"]`)
      : page.locator('summary').and(page.getByLabel(name));
  await summary.first().click();
  const menu = page.locator('details.menu[open]');
  await menu.locator('button, a').filter({ hasText: item }).first().click();
}

/** The poll on the host's desk. */
export const panel = (host: Page): Locator => host.locator('.pane.desk');

/** One answer in the results of a phone or a wall. */
export const bars = (page: Page, label: string): Locator =>
  page.getByRole('list', { name: 'Results' }).getByRole('listitem').filter({ hasText: label }).first();

export async function openPane(host: Page, name: string): Promise<void> {
  const side = host.getByRole('region', { name: 'Questions and people' });
  await side
    .getByRole('button', { name: new RegExp(`^${name}`) })
    .first()
    .click();
}

/** Opens the sheet of a person and does something with it. */
export async function person(host: Page, name: string, what: 'Remove' | 'Ban'): Promise<void> {
  await host.getByRole('button', { name: `Manage ${name}` }).click();
  await host.getByRole('dialog').getByRole('button', { name: what }).click();
  await host.getByRole('dialog').getByRole('button', { name: what }).click();
}

export async function undo(host: Page): Promise<void> {
  await host.getByRole('button', { name: 'Undo' }).last().click();
}

/** Counts presses from now on, across what the page does by itself. */
export async function counted(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen = window as unknown as { presses: number };
    seen.presses = 0;
    window.addEventListener('pointerdown', () => (seen.presses += 1), true);
    window.addEventListener('keydown', () => (seen.presses += 1), true);
  });
}

export const taps = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { presses: number }).presses);
