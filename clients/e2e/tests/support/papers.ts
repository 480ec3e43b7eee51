/** Plans and summaries as a person works with them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page, WebSocketRoute } from '@playwright/test';
import { smaller } from './png';
import { expect } from './test';

const FOLDER = fileURLToPath(new URL('../../../../docs/screenshots/', import.meta.url));

/** Only when asked for: a test leaves nothing behind. */
export async function shoot(page: Page, name: string): Promise<void> {
  if (!process.env.E2E_SCREENSHOTS) return;
  mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => document.fonts.ready);
    const picture = smaller(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
    writeFileSync(`${FOLDER}${name}-${colorScheme}.png`, picture);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

export const status = (page: Page) => page.locator('[data-status]');
export const saved = (page: Page) => expect(status(page)).toHaveText('Saved');

/** The line of a page to its document, to be cut and mended. */
export async function line(page: Page): Promise<{ cut: () => Promise<void>; mend: () => void }> {
  let off = false;
  const open: WebSocketRoute[] = [];
  await page.routeWebSocket(/collab/, (socket) => {
    if (off) return void socket.close();
    open.push(socket);
    socket.connectToServer();
  });
  return {
    cut: async () => {
      off = true;
      for (const socket of open.splice(0)) await socket.close();
    },
    mend: () => (off = false),
  };
}

/** A rich text without what the carets of others add to the page. */
export const words = (page: Page, name: string): Promise<string> =>
  page.getByRole('textbox', { name, exact: true }).evaluate((root) => {
    const copy = root.cloneNode(true) as Element;
    for (const caret of copy.querySelectorAll('.caret')) caret.remove();
    return copy.textContent.replace(/[\u2060\u00a0]/g, (c) => (c === '\u00a0' ? ' ' : ''));
  });

/** What the parts of the agenda are called, in their order. */
export const parts = (page: Page): Promise<string[]> =>
  page
    .getByRole('list', { name: 'Agenda' })
    .getByRole('textbox', { name: 'What is this part called?' })
    .evaluateAll((boxes) => boxes.map((box) => (box as HTMLInputElement).value));

export async function addPart(page: Page, title: string, minutes: number): Promise<void> {
  await page.getByRole('button', { name: 'Add a part' }).click();
  await page.keyboard.type(title);
  const box = page.getByRole('spinbutton', { name: `Minutes for ${title}`, exact: true });
  await box.fill(String(minutes));
  await box.blur();
}
