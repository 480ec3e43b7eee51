/** The shared notes as people see them: two browsers in one paragraph. */
import type { Page, WebSocketRoute } from '@playwright/test';
import { examine } from './support/axe';
import { hosts, joins, running } from './support/meeting';
import { shoot } from './support/papers';
import { expect, type House, test } from './support/test';
import type { Stage, Workshop } from './support/workshop';

const text = (page: Page) => page.getByRole('textbox', { name: 'Shared notes' });
const status = (page: Page) => page.locator('[data-status]');

async function hostNotes(house: House, workshop: Workshop, stage: Stage): Promise<Page> {
  const host = await hosts(house, workshop, stage, 'Notes');
  await expect(text(host)).toBeVisible();
  await expect(status(host)).toHaveText('Saved');
  return host;
}

async function guestNotes(house: House, stage: Stage, name: string): Promise<Page> {
  const phone = await joins(house, stage, name, 'Open the shared notes');
  await expect(text(phone)).toBeVisible();
  return phone;
}

test('host and participant write in one paragraph, and the host takes the pen away', async ({ house, workshop }) => {
  const stage = await running(workshop);
  const host = await hostNotes(house, workshop, stage);
  await host.getByRole('radio', { name: 'write' }).check();
  const guest = await guestNotes(house, stage, 'Bo');

  await text(host).click();
  await host.getByRole('button', { name: 'Heading', exact: true }).click();
  await host.keyboard.type('What we found');
  await host.keyboard.press('Enter');
  await host.keyboard.type('Indexes help ');
  await expect(text(guest)).toContainText('Indexes help');
  await text(guest).getByText('Indexes help').click();
  await guest.keyboard.press('End');
  // Both at once, each where their own caret is.
  await Promise.all([
    guest.keyboard.type('until they do not', { delay: 15 }),
    host.keyboard.type('a lot, ', { delay: 15 }),
  ]);
  await expect.poll(async () => (await words(host)) === (await words(guest)), { message: 'one text' }).toBe(true);
  const written = await words(host);
  expect(written.length).toBe('What we foundIndexes help a lot, until they do not'.length);
  await expect(status(host)).toHaveText('Saved');
  await expect(status(guest)).toHaveText('Saved');
  await expect(host.locator('.caret-name', { hasText: 'Bo' })).toBeVisible();
  await expect(guest.locator('.caret-name')).toBeVisible();
  await expect(host.getByRole('list', { name: 'Also here' })).toContainText('Bo');

  // Undo is for one's own words only.
  await text(guest).focus();
  // One step takes back what was typed without a pause; a slow machine makes several of it.
  const undo = guest.getByRole('button', { name: 'Undo my last change' });
  while ((await undo.getAttribute('aria-disabled')) !== 'true') await undo.click();
  await expect(text(host)).not.toContainText('until');
  expect(await words(host)).toBe('What we foundIndexes help a lot, ');
  await expect(text(host)).toContainText('What we found');
  const redo = guest.getByRole('button', { name: 'Redo my change' });
  while ((await redo.getAttribute('aria-disabled')) !== 'true') await redo.click();
  await expect.poll(() => words(host)).toBe(written);

  await text(host).click();
  await host.keyboard.press('Control+End');
  await host.keyboard.press('Enter');
  await host.getByRole('button', { name: 'Checklist' }).click();
  await host.keyboard.type('Read the plan first');
  await expect(status(host)).toHaveText('Saved');
  await expect(text(guest)).toContainText('Read the plan first');
  await shoot(host, 'notes-studio');
  await text(guest).evaluate((e) => e.closest('section')!.scrollIntoView());
  await shoot(guest, 'notes-phone');
  await examine(host, 'notes of the host');
  await examine(guest, 'notes on a phone');

  await host.getByRole('radio', { name: 'read', exact: true }).check();
  await expect(text(guest)).toHaveAttribute('contenteditable', 'false');
  await expect(status(guest)).toHaveText('Read only');
  await expect(guest.getByRole('toolbar')).toBeHidden();
  await examine(guest, 'notes to read');
  await text(host).click();
  await host.keyboard.press('Control+End');
  await host.keyboard.type(' and again');
  await expect(text(guest)).toContainText('Read the plan first and again');
  await expect(status(host)).toHaveText('Saved');

  const last = await words(host);
  await host.reload();
  await expect.poll(() => words(host)).toBe(last);
  await host.getByRole('radio', { name: 'not see them' }).check();
  await expect(status(guest)).toHaveText('These notes cannot be opened any more.');
});

test('offline, the page says so, keeps the words over a reload and sends them on return', async ({
  house,
  workshop,
}) => {
  const stage = await running(workshop);
  const host = await house.studio(workshop);
  let cut = false;
  const lines: WebSocketRoute[] = [];
  await host.routeWebSocket(/collab/, (line) => {
    if (cut) return void line.close();
    lines.push(line);
    line.connectToServer();
  });
  await host.goto(`/studio/s/${stage.session.id}/notes`);
  await expect(status(host)).toHaveText('Saved');
  await text(host).click();
  await host.keyboard.type('Before. ');
  await expect(status(host)).toHaveText('Saved');
  cut = true;
  for (const line of lines) await line.close();
  await expect(status(host)).toHaveText('Offline. Reconnecting …');
  await host.keyboard.type('After.');
  await expect(status(host)).toHaveText('Offline. Saved on this device, not yet on the server.');
  await host.reload();
  await expect(text(host)).toHaveText('Before. After.');
  await expect(status(host)).toHaveText('Offline. Saved on this device, not yet on the server.');
  cut = false;
  await expect(status(host)).toHaveText('Saved');
  // Another browser of the same person has nothing but what the server has.
  const other = await house.studio(workshop);
  await other.goto(`/studio/s/${stage.session.id}/notes`);
  await expect(text(other)).toHaveText('Before. After.');
});

/** The text without what the carets of others add to the page. */
const words = (page: Page): Promise<string> =>
  text(page).evaluate((root) => {
    const copy = root.cloneNode(true) as Element;
    for (const caret of copy.querySelectorAll('.caret')) caret.remove();
    return copy.textContent.replace(/[\u2060\u00a0]/g, (c) => (c === '\u00a0' ? ' ' : ''));
  });
