/** Content that nobody planned for: very long, right to left, emoji, without spaces, many, none. */
import { writeFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { overflow } from './support/axe';
import { expect, test } from './support/test';
import { draft } from './support/workshop';

const LONG = 'An exceptionally thorough title that somebody pasted from the minutes of the last meeting, '
  .repeat(3)
  .slice(0, 200);
const GLUED = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'
  .repeat(3)
  .slice(0, 200);
const HEBREW = 'מה עלינו לעשות בשעה האחרונה של הסדנה, ומי יוביל אותה?';
const EMOJI = '👩🏽‍💻 Ship it 🚀🚀🚀 or wait? 🤔';
const TEXT =
  `${'Because the plan changes whenever the statistics do, which nobody notices until it hurts. '.repeat(6)}`.slice(
    0,
    500,
  );
const TWENTY = Array.from({ length: 20 }, (_, i) =>
  i === 3 ? GLUED.slice(0, 120) : i === 5 ? HEBREW : `Option number ${i + 1}`,
);

/** Nothing on a wall may be cut off at its edges; nobody can scroll there. */
const cut = (wall: Page): Promise<string[]> =>
  wall.evaluate(() =>
    [...document.querySelectorAll('main *, aside *, .banner *')]
      .filter((e) => e.childElementCount === 0 && e.textContent?.trim() && !e.closest('.sr-only, .controls'))
      .filter((e) => {
        const box = e.getBoundingClientRect();
        return box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < -1;
      })
      .map((e) => `${e.className}: ${e.textContent!.slice(0, 60)}`),
  );

test('long, glued, right to left, emoji, twenty of them', async ({ house, workshop }) => {
  const stage = await workshop.stage({ title: LONG, maxParticipants: 500 });
  const polls = [
    await stage.poll(draft('single', GLUED, TWENTY)),
    await stage.poll(draft('multiple', HEBREW, [HEBREW, EMOJI, GLUED, LONG])),
    await stage.poll(
      draft('rating', LONG, ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11'], {
        lowLabel: GLUED.slice(0, 60),
        highLabel: HEBREW,
      }),
    ),
    await stage.poll(draft('openText', EMOJI)),
    await stage.poll(draft('wordCloud', LONG)),
  ];
  await stage.begin();
  const wall = await house.wall();
  await wall.goto(await workshop.wall(stage));
  const phone = await house.phone();
  await phone.goto(`/${stage.code}`);
  const desk = await house.studio(workshop);
  await desk.goto(`/studio/s/${stage.session.id}`);
  await expect(desk.getByRole('heading', { level: 2, name: GLUED })).toBeVisible();
  const guests = await stage.guests([GLUED.slice(0, 80), HEBREW, EMOJI, 'A']);

  const check = async (what: string) => {
    if (process.env.E2E_LOOK) {
      for (const [who, page] of [
        ['wall', wall],
        ['phone', phone],
        ['desk', desk],
      ] as const)
        writeFileSync(`${process.env.E2E_LOOK}/${what}-${who}.png`, await page.screenshot());
    }
    expect.soft(await cut(wall), `${what}, wall`).toEqual([]);
    expect.soft(await overflow(phone), `${what}, phone`).toEqual([]);
    expect.soft(await overflow(desk), `${what}, desk`).toEqual([]);
  };
  await expect(wall.getByRole('heading', { level: 1 })).toBeVisible();
  await check('lobby');
  for (const [i, poll] of polls.entries()) {
    await stage.open(poll);
    await expect(wall.getByRole('heading', { name: stage.view(poll).question.trim() })).toBeVisible();
    await expect(phone.getByRole('article', { name: stage.view(poll).question.trim() }).first()).toBeVisible();
    await check(`empty-${i}`);
    await Promise.all(guests.map((g) => g.until((s) => s.polls.some((p) => p.id === poll && p.status === 'open'))));
    const votes = [
      [0, 3, 5, 0],
      [[0, 1], [2], [3], [1]],
      [0, 10, 5, 5],
      [TEXT, GLUED, HEBREW, EMOJI],
      [[GLUED.slice(0, 40), 'a'], ['מילה', 'a'], ['🚀', 'a'], ['b']],
    ][i]!;
    await Promise.all(votes.map((vote, n) => guests[n]!.vote(poll, vote)));
    await expect(wall.getByText('4 votes')).toBeVisible();
    await check(`voted-${i}`);
    await stage.do({ closePoll: { poll } });
  }
  for (const [i, body] of [TEXT + TEXT.slice(0, 480), GLUED, HEBREW, EMOJI, 'Why?', LONG, TEXT].entries())
    await guests[i % 4]!.ask(body);
  await stage.do({ show: { stage: { questions: {} } } });
  await stage.do({ highlight: { question: stage.host.state.questions[0]!.id } });
  await expect(wall.getByRole('region', { name: 'On the big screen now' })).toBeVisible();
  await check('questions');
  await stage.do({ highlight: { question: null } });
  await stage.do({ show: { stage: { question: { question: stage.host.state.questions[0]!.id } } } });
  await expect(wall.getByRole('heading', { level: 1 })).toContainText('Because the plan');
  await check('question');
  await stage.do({ show: { stage: { text: { title: LONG, body: TEXT + TEXT } } } });
  await expect(wall.getByRole('heading', { level: 1 })).toContainText('exceptionally');
  await check('text');
  await stage.do({ end: {} });
  await desk.goto(`/studio/s/${stage.session.id}/results`);
  await expect(desk.getByRole('article').first()).toBeVisible();
  await check('results');
  await desk.goto('/studio');
  await expect(desk.getByRole('link', { name: 'Results' })).toBeVisible();
  await check('dashboard');
});
