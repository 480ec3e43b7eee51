/** What is kept on the device of whoever is signed in, and for how long. */
import { examine } from './support/axe';
import { line, saved, shoot, status } from './support/papers';
import { expect, PHONE, test } from './support/test';

test('what is on the server is kept on the device for a month, what is not until it is', async ({
  house,
  workshop,
}) => {
  const plan = async (title: string) =>
    `/studio/plans/${(await workshop.api.createPlan({ title, audience: 'All', objective: 'All' })).id}`;
  const [sent, unsent] = [await plan('Sent'), await plan('Not sent')];
  const mira = await house.studio(workshop);
  const wire = await line(mira);
  const title = mira.getByRole('textbox', { name: 'Title', exact: true });
  for (const path of [sent, unsent]) {
    await mira.goto(path);
    await saved(mira);
    await title.press('End');
    await mira.keyboard.type(' now');
    await saved(mira);
  }
  await wire.cut();
  await expect(status(mira)).toHaveText('Offline. Reconnecting …');
  await mira.keyboard.type(', offline');
  await expect(status(mira)).toHaveText('Offline. Saved on this device, not yet on the server.');

  /** Whose rows there are; those of before the given number of days are made so old. */
  const kept = (days: number | null): Promise<string[]> =>
    mira.evaluate(async (days) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((good, bad) => ((request.onsuccess = () => good(request.result)), (request.onerror = bad)));
      const db = await done(indexedDB.open('atelier.drafts'));
      const store = db.transaction('updates', 'readwrite').objectStore('updates');
      const [keys, rows] = [await done(store.getAllKeys()), await done(store.getAll())];
      for (const [i, row] of rows.entries())
        if (days !== null) await done(store.put({ ...row, at: Date.now() - days * 86_400_000 }, keys[i]!));
      db.close();
      return [...new Set(rows.map((row: { key: string }) => row.key.split(':')[1]!))];
    }, days);
  const ids = [sent, unsent].map((path) => path.split('/').at(-1)!);
  await mira.goto('/studio');
  const waiting = mira.getByRole('region', { name: 'Words for one document are only on this device' });
  await expect(waiting).toBeVisible();
  expect((await kept(29)).sort()).toEqual([...ids].sort());
  await mira.reload();
  await expect(waiting).toBeVisible();
  expect((await kept(31)).sort()).toEqual([...ids].sort());
  await mira.reload();
  await expect(waiting).toBeVisible();
  expect(await kept(null)).toEqual([ids[1]]);
  await examine(mira, 'words that wait on this device');
  await shoot(mira, 'unsent-studio');
  await mira.setViewportSize(PHONE);
  await examine(mira, 'words that wait, on a phone');
  await shoot(mira, 'unsent-phone');

  wire.mend();
  await waiting.getByRole('link', { name: /^Open and send: Plan, written / }).click();
  await expect(title).toHaveValue('Not sent now, offline');
  await saved(mira);
  await mira.goto('/studio');
  await expect(mira.getByRole('heading', { name: 'Sessions' })).toBeVisible();
  await expect.poll(() => kept(31)).toEqual([ids[1]]);
  await mira.reload();
  await expect.poll(() => kept(null)).toEqual([]);
  await expect(waiting).toHaveCount(0);
});
