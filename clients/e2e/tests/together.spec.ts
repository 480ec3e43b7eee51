/** Notes and whiteboard on the phone: there when the host opens them, gone when they are withdrawn, without asking. */
import type { Page } from '@playwright/test';
import { expect, type House, test } from './support/test';
import type { Stage } from './support/workshop';

const notes = (page: Page) => page.getByRole('button', { name: 'Open the shared notes' });
const board = (page: Page) => page.getByRole('button', { name: 'Open the whiteboard' });
/** Long enough for a slow machine, and far shorter than anybody would ask again. */
const SOON = { timeout: 8_000 };

async function arrives(house: House, stage: Stage): Promise<Page> {
  const phone = await house.phone();
  await phone.goto(`/${stage.code}`);
  await expect(phone.getByRole('heading', { name: 'Nothing to vote on right now.' })).toBeVisible();
  return phone;
}

test('what the host opens is on the phone at once, and nobody asks for it', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Postgres in anger' });
  await stage.begin();
  const phone = await arrives(house, stage);
  const asked: string[] = [];
  phone.on('request', (request) => {
    if (request.url().includes('/api/')) asked.push(request.url());
  });
  const { id } = stage.session;
  await expect(notes(phone)).toHaveCount(0);

  await workshop.api.changeNotes(id, { participantsMay: 'edit' });
  await expect(notes(phone)).toBeVisible(SOON);
  await workshop.api.changeWhiteboard(id, { participantsMay: 'edit', title: 'What we found' });
  await expect(board(phone)).toBeVisible(SOON);
  await workshop.api.changeWhiteboard(id, { title: 'What we know' });
  await expect(phone.getByRole('heading', { name: 'What we know' })).toBeVisible(SOON);
  await workshop.api.changeWhiteboard(id, { participantsMay: 'nothing' });
  await expect(board(phone)).toHaveCount(0, SOON);

  // Whoever has them open is told, keeps what is there, and finds them gone after that.
  await notes(phone).click();
  const text = phone.getByRole('textbox', { name: 'Shared notes' });
  await expect(text).toHaveAttribute('contenteditable', 'true');
  await workshop.api.changeNotes(id, { participantsMay: 'nothing' });
  await expect(phone.locator('[data-status="closed"]')).toBeVisible(SOON);
  await phone.getByRole('button', { name: 'Close', exact: true }).click();
  await expect(phone.getByRole('heading', { name: 'Notes' })).toHaveCount(0);
  expect(asked).toEqual([]);
});

test('a phone that was offline finds the notes when it is back', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Postgres in anger' });
  await stage.begin();
  const phone = await arrives(house, stage);
  house.allow(/ERR_INTERNET_DISCONNECTED/, /WebSocket connection/);
  await phone.context().setOffline(true);
  await workshop.api.changeNotes(stage.session.id, { participantsMay: 'read' });
  await phone.context().setOffline(false);
  await expect(notes(phone)).toBeVisible({ timeout: 20_000 });
});
