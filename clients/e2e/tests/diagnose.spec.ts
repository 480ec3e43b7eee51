/** The connection check: on a good way, and behind proxies that are set up wrongly. */
import { examine } from './support/axe';
import { Proxy, type Fault } from './support/proxy';
import { expect, test } from './support/test';

test('a good connection is called one', async ({ house }) => {
  const page = await house.phone();
  await page.goto('/diagnose');
  await expect(page.getByRole('heading', { name: 'Testing …' })).toBeVisible();
  await examine(page, 'connection check, testing');
  await expect(page.getByRole('heading', { name: 'Everything works.' })).toBeVisible({ timeout: 20_000 });
  for (const name of ['WebSocket', 'Live stream', 'Waiting for news', 'Sending', 'Clock of this device'])
    await expect(page.getByRole('listitem').filter({ hasText: name })).not.toContainText(/not|look/);
  await expect(page.getByRole('heading', { name: 'What is wrong, and who can fix it' })).toBeHidden();
  await page.getByText('Show the report').click();
  await expect(page.getByRole('textbox', { name: 'For support' })).toHaveValue(/verdict: +good/);
  await examine(page, 'connection check, good');
});

const faults: [string, Fault, string, RegExp[]][] = [
  ['takes Upgrade away', { sockets: 'stripped' }, 'It works, on a detour.', [/takes WebSocket requests apart/]],
  ['stops sockets', { sockets: 'swallowed' }, 'It works, on a detour.', [/stopped before they reach the server/]],
  ['cuts quiet sockets off', { sockets: 'cut' }, 'It works, on a detour.', [/cut off after \d+ s/]],
  [
    'stops sockets and gathers streams',
    { sockets: 'swallowed', gathers: true },
    'It works, on a long detour.',
    [/stopped before/, /holds live streams back/],
  ],
  [
    'stops sockets and posts',
    { sockets: 'swallowed', posts: 'refused' },
    'Live updates do not get through.',
    [/What you send does not arrive/, /stopped before/],
  ],
];

for (const [name, fault, verdict, found] of faults) {
  test(`a proxy that ${name} is found out`, async ({ house }) => {
    house.allow(/WebSocket connection to .* failed/, /net::ERR_/, /status of 4\d\d/);
    const proxy = await Proxy.before(house.base, fault);
    const page = await house.phone({ baseURL: proxy.url });
    await page.goto('/diagnose');
    await expect(page.getByRole('heading', { name: verdict })).toBeVisible({ timeout: 40_000 });
    const findings = page.getByRole('region', { name: 'What is wrong, and who can fix it' }).getByRole('listitem');
    await expect(findings).toHaveCount(found.length);
    for (const [n, words] of found.entries()) await expect(findings.nth(n)).toContainText(words);
    await examine(page, `connection check, a proxy that ${name}`);
    proxy.close();
  });
}

test('where the server does not answer, it says so', async ({ house }) => {
  house.allow(/net::ERR_/);
  const proxy = await Proxy.before(house.base, {});
  const page = await house.phone({ baseURL: proxy.url });
  await page.goto('/diagnose');
  await expect(page.getByRole('heading', { name: 'Everything works.' })).toBeVisible({ timeout: 20_000 });
  proxy.close();
  await page.getByRole('button', { name: 'Test again' }).click();
  await expect(page.getByRole('heading', { name: 'The server cannot be reached.' })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('heading', { name: 'The server does not answer.' })).toBeVisible();
  await expect(page.getByText('not tested').first()).toBeVisible();
});
