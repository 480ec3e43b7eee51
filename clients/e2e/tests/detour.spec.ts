/** Networks that break WebSockets, or hold streams back: people take part all the same. */
import type { Page } from '@playwright/test';
import { bars, panel } from './support/hands';
import { Proxy, type Fault } from './support/proxy';
import { expect, test, type House } from './support/test';
import { draft, until, type Stage, type Workshop } from './support/workshop';

/** What the way around asked for, as the browser saw it. */
function listening(page: Page): { streams: number; answers: number } {
  const seen = { streams: 0, answers: 0 };
  page.on('request', (request) => {
    if (!request.url().includes('/live/-/events')) return;
    if (request.url().includes('wait=')) seen.answers += 1;
    else seen.streams += 1;
  });
  return seen;
}

async function behind(house: House, fault: Fault): Promise<Proxy> {
  house.allow(/WebSocket connection to .* failed/, /net::ERR_(EMPTY_RESPONSE|CONNECTION_|INCOMPLETE)/);
  return Proxy.before(house.base, fault);
}

async function votes(page: Page, stage: Stage, option: string): Promise<void> {
  await page.getByRole('radio', { name: option }).check();
  await page.getByRole('button', { name: 'Send my vote' }).click();
  await expect(page.getByText(/^Recorded \d/).filter({ visible: true })).toBeVisible();
  await expect(bars(page, option)).toContainText('100');
  // The phone's answer may overtake the host's tally, which waits for its tick.
  await until(stage.host, (state) => state.polls.some((poll) => poll.tally?.voters === 1), 'the host has the tally');
}

async function prepared(workshop: Workshop): Promise<{ stage: Stage; second: string }> {
  const stage = await workshop.stage({ title: 'Behind seven proxies' });
  await stage.begin();
  await stage.poll(draft('single', 'Tea or coffee?', ['Tea', 'Coffee']), true);
  return { stage, second: await stage.poll(draft('single', 'Milk or lemon?', ['Milk', 'Lemon'])) };
}

for (const sockets of ['refused', 'stripped', 'swallowed'] as const) {
  test(`a phone takes part where sockets are ${sockets}`, async ({ house, workshop }) => {
    const proxy = await behind(house, { sockets });
    const { stage, second } = await prepared(workshop);
    const page = await house.phone({ baseURL: proxy.url });
    const seen = listening(page);
    await page.goto(`/${stage.code}`);
    // Nobody answers a socket that is swallowed: it takes two attempts of five seconds to know.
    await expect(page.getByRole('radio', { name: 'Tea' })).toBeVisible({ timeout: 30_000 });
    await votes(page, stage, 'Tea');
    await expect(page.getByText('1 here')).toBeVisible();
    expect(seen).toEqual({ streams: 1, answers: 0 });
    // A line that breaks is resumed; what happened meanwhile is there.
    proxy.cut();
    await stage.do({ closePoll: { poll: stage.host.state.polls[0]!.id } });
    await stage.open(second);
    await expect(page.getByRole('radio', { name: 'Lemon' })).toBeVisible();
    await votes(page, stage, 'Lemon');
    // A reload remembers which way works, and the seat.
    let tried = 0;
    page.on('websocket', () => (tried += 1));
    await page.reload();
    await expect(page.getByText(/^Recorded \d/).filter({ visible: true })).toBeVisible();
    expect(tried).toBe(0);
    proxy.close();
  });
}

test('a phone takes part where streams are held back, too', async ({ house, workshop }) => {
  const proxy = await behind(house, { sockets: 'refused', gathers: true });
  const { stage, second } = await prepared(workshop);
  const page = await house.phone({ baseURL: proxy.url });
  const seen = listening(page);
  await page.goto(`/${stage.code}`);
  // A socket that is refused twice, then a stream that is waited for in vain.
  await expect(page.getByRole('radio', { name: 'Coffee' })).toBeVisible({ timeout: 30_000 });
  await votes(page, stage, 'Coffee');
  await stage.do({ closePoll: { poll: stage.host.state.polls[0]!.id } });
  await stage.open(second);
  await votes(page, stage, 'Milk');
  expect(seen.streams).toBe(1);
  expect(seen.answers).toBeGreaterThan(1);
  proxy.close();
});

test('a host leads from behind such a network', async ({ house, workshop }) => {
  const proxy = await behind(house, { sockets: 'refused' });
  const { stage, second } = await prepared(workshop);
  const guest = await stage.guest('Noor');
  const page = await house.studio(workshop, { baseURL: proxy.url });
  const seen = listening(page);
  await page.goto(`/studio/s/${stage.session.id}`);
  await expect(panel(page)).toContainText('Tea or coffee?');
  const first = stage.host.state.polls[0]!.id;
  await guest.vote(first, 0);
  await expect(panel(page)).toContainText('1');
  await page
    .getByRole('button', { name: /^Close/ })
    .first()
    .click();
  await guest.until((state) => state.polls.some((poll) => poll.id === first && poll.status === 'closed'));
  expect(seen.streams).toBe(1);
  expect(stage.view(second).status).toBe('draft');
  proxy.close();
});

test('a phone goes back to sockets when they get through again', async ({ house, workshop }) => {
  // Its clock runs ahead, but hardly while a real socket is to answer.
  test.setTimeout(150_000);
  const proxy = await behind(house, { sockets: 'refused' });
  const { stage } = await prepared(workshop);
  const page = await house.phone({ baseURL: proxy.url });
  await page.clock.install();
  await page.goto(`/${stage.code}`);
  await page.clock.runFor(2_000);
  await expect(page.getByRole('radio', { name: 'Tea' })).toBeVisible();
  proxy.fault = {};
  let welcomed = false;
  let tried = 0;
  page.on('websocket', (socket) => {
    tried = Date.now();
    socket.on('framereceived', ({ payload }) => (welcomed ||= `${payload}`.includes('welcome')));
  });
  const later = async () => {
    await page.clock.runFor(Date.now() - tried < 4_000 ? 50 : 500);
    return welcomed;
  };
  await expect.poll(later, { intervals: [50], timeout: 90_000 }).toBe(true);
  await votes(page, stage, 'Tea');
  proxy.close();
});
