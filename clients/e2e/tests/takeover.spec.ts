/** The host's laptop dies: an assistant takes over in one tap, and on the phones nothing jumps. */
import type { Page } from '@playwright/test';
import { expect, test } from './support/test';
import { draft } from './support/workshop';

/** Writes down, until asked, what the countdown of a page shows and when. */
async function watched(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(() => {
    const seen: number[] = [];
    (window as unknown as { ends: number[] }).ends = seen;
    setInterval(() => {
      const text = document.querySelector('[role=timer]')?.textContent ?? '';
      const [minutes, seconds] = text.trim().split(':').map(Number);
      // When it would be over, by what is shown: the same at all times, up to the second that is running.
      seen.push(minutes! * 60 + seconds! + performance.now() / 1000);
    }, 100);
  });
  return () => page.evaluate(() => (window as unknown as { ends: number[] }).ends);
}

test('the host is gone: an assistant takes over in one tap, and timers do not jump', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: 'Carry on' });
  await stage.begin();
  const poll = await stage.poll(draft('single', 'Go on?', ['Yes', 'No']));
  const assistant = await house.studio(await workshop.colleague('Bo', 'Berg', 'trainer'));
  await assistant.goto(`/studio/s/${stage.session.id}`);
  await expect.poll(() => stage.host.state.people.some((p) => p.name === 'Bo Berg')).toBe(true);
  const bo = stage.host.state.people.find((p) => p.name === 'Bo Berg')!.id;
  await stage.do({ setRole: { participant: bo, role: 'assistant' } });
  const host = await house.studio(workshop);
  await host.goto(`/studio/s/${stage.session.id}`);
  await expect(host.getByRole('heading', { level: 1, name: 'Carry on' })).toBeVisible();
  await stage.do({ openPoll: { poll, seconds: 300 } });
  stage.host.close();
  const phone = await house.phone();
  await phone.goto(`/${stage.code}`);
  await expect(phone.getByRole('timer')).toHaveText(/^[45]:\d\d$/);
  const ends = await watched(phone);

  const button = assistant.getByRole('button', { name: 'Take over' });
  await expect(assistant.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect(button).toHaveCount(0);
  await host.close();
  await expect(assistant.getByText('The host is gone.')).toBeVisible();
  await button.click();
  await expect(assistant.getByText('You lead the session now.')).toBeVisible();
  await expect(button).toHaveCount(0);

  // It is really theirs: the phone follows.
  await phone.getByRole('radio', { name: 'Yes' }).check();
  await phone.getByRole('button', { name: 'Send my vote' }).click();
  await expect(phone.getByText(/^Recorded \d/)).toBeVisible();
  const shown = await ends();
  expect(shown.length).toBeGreaterThan(20);
  expect(Math.max(...shown) - Math.min(...shown), 'what is left went down as time went by').toBeLessThan(1.6);
  await assistant.getByRole('button', { name: 'Pause' }).click();
  await expect(phone.getByRole('heading', { name: 'Paused' })).toBeVisible();

  // The host comes back, and leads as before.
  const again = await house.studio(workshop);
  await again.goto(`/studio/s/${stage.session.id}`);
  await again.getByRole('button', { name: 'Go on', exact: true }).click();
  await expect(assistant.getByRole('button', { name: 'Pause' })).toBeVisible();
});
