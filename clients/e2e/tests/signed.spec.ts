/** Names under remarks and suggestions: whoever may write can sign as anybody, and is found out. */
import * as Y from 'yjs';
import { examine } from './support/axe';
import { hocuspocus } from './support/editors';
import { saved, shoot } from './support/papers';
import { expect, PHONE, test } from './support/test';

test('a remark and a suggestion in the name of another are shown as what they are', async ({
  house,
  workshop,
  baseURL,
}) => {
  const eve = await workshop.colleague('Eve', 'Moss');
  const { id, document } = await workshop.api.createPlan({
    title: 'Postgres in anger',
    audience: 'Developers',
    objective: 'Everybody finds out why a query is slow.',
  });
  const ada = await house.studio(workshop);
  const questions: string[] = [];
  ada.on('request', (request) => void (request.url().endsWith('/attribution') && questions.push(request.url())));
  await ada.goto(`/studio/plans/${id}`);
  await saved(ada);

  // With a program of her own she writes what no page of hers would.
  const program = await hocuspocus(baseURL!, document, eve.account.token!);
  await expect.poll(program.saved).toBe(true);
  const adaId = workshop.account.user.id;
  const at = new Date().toISOString();
  const remark = (name: string, author: string, authorName: string): void => {
    const body = new Y.Text(name);
    const said = { order: 'a0', parent: null, field: 'objective', anchor: null, quote: '', createdAt: at };
    const all = Object.entries({ ...said, body, author, authorName, resolvedBy: null, resolvedAt: null });
    program.doc.getMap('comments').set(crypto.randomUUID(), new Y.Map(all as [string, unknown][]));
  };
  const text = (program.doc.getXmlFragment('objective').get(0) as Y.XmlElement).get(0) as Y.XmlText;
  program.doc.transact(() => {
    remark('I agree with all of it.', adaId, 'Ada Lindqvist');
    remark('In my own name.', eve.account.user.id, 'Eve Moss');
    const mark = { id: 's1', author: adaId, name: 'Ada Lindqvist', at };
    text.insert(9, ' but me', { insertion: mark });
  });
  await expect.poll(program.saved).toBe(true);

  const forged = ada.locator('.remark').filter({ hasText: 'I agree with all of it.' });
  await expect(forged).toContainText('Eve Moss');
  await expect(forged).toContainText('But signed as Ada Lindqvist.');
  await expect(ada.getByRole('article', { name: 'Comment by Eve Moss' })).toHaveCount(2);
  const honest = ada.locator('.remark').filter({ hasText: 'In my own name.' });
  await expect(honest).toContainText('Eve Moss');
  await expect(honest).not.toContainText('signed as');
  const suggestion = ada.getByRole('listitem').filter({ hasText: 'Insert “ but me”' });
  await expect(suggestion).toContainText('Eve Moss');
  await expect(suggestion).toContainText('But signed as Ada Lindqvist.');
  expect(questions.length, 'no question for each remark').toBeLessThan(3);
  await examine(ada, 'names that are not right');
  await shoot(ada, 'signed-studio');
  await ada.setViewportSize(PHONE);
  await forged.scrollIntoViewIfNeeded();
  await shoot(ada, 'signed-phone');
  await ada.setViewportSize({ width: 1440, height: 900 });

  // Whoever writes in a remark of another has a hand in it.
  await ada.getByRole('textbox', { name: 'Objective', exact: true }).getByText('Everybody').click({ clickCount: 3 });
  await ada.getByRole('button', { name: 'Comment', exact: true }).click();
  await ada.getByRole('textbox', { name: 'Your comment' }).fill('Good.');
  await ada.keyboard.press('Control+Enter');
  const own = ada.locator('.remark').filter({ hasText: 'Good.' });
  await expect(own).toContainText('Ada Lindqvist');
  await saved(ada);
  await expect.poll(() => program.doc.getMap('comments').size).toBe(3);
  for (const each of program.doc.getMap<Y.Map<unknown>>('comments').values()) {
    const body = each.get('body') as Y.Text;
    if (body.toString() === 'Good.') body.insert(0, 'Not ');
  }
  const changed = ada.locator('.remark').filter({ hasText: 'Not Good.' });
  await expect(changed).toContainText(/(Ada Lindqvist and Eve Moss|Eve Moss and Ada Lindqvist)/);
  await expect(changed).toContainText('But signed as Ada Lindqvist.');
  program.destroy();
});
