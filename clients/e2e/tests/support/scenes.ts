/** A believable afternoon: a session in full swing, beside planned and past ones. */
import { draft, type Guest, type Stage, type Workshop } from './workshop';

export const NAMES = [
  'Noor', 'Tomás', 'Ylva', 'Kofi', 'Mei', 'Jonas', 'Aisha', 'Luca', 'Freya', 'Omar', 'Ines', 'Pavel',
  'Zoë', 'Raj', 'Hanna', 'Mateo', 'Sanne', 'Idris', 'Clara', 'Bo', 'Yuki', 'Emeka', 'Lena', 'Arthur',
]; // prettier-ignore

export const SPEND = draft(
  'single',
  'What should we spend the last hour on?',
  [
    'Pair on the hardest exercise',
    'Walk through the solutions together',
    'Open questions, any topic',
    'A quick look at testing in production',
  ],
  { visibility: 'afterVote' },
);
export const TOOLS = draft('multiple', 'Which of these do you use every week?', [
  'EXPLAIN ANALYZE',
  'pg_stat_statements',
  'A graphical client',
  'psql',
  'None of these',
]);
export const CONFIDENT = draft('rating', 'How confident are you about reading a query plan?', [], {
  lowLabel: 'not at all',
  highLabel: 'completely',
});
export const WORD = draft('wordCloud', 'One word for today');
export const MONDAY = draft('openText', 'What will you do differently on Monday?');

const SPENT = [0, 2, 0, 1, 0, 0, 2, 3, 0, 2, 1, 0, 2, 0, 2, 1, 3, 0, 2, 1, 0, 2];
const WORDS = [
  ['indexes', 'locks', 'aha!'], ['indexes', 'vacuum'], ['locks', 'coffee'], ['indexes', 'planner', 'joins'],
  ['vacuum', 'statistics'], ['indexes', 'locks'], ['joins', 'aha!', 'deadlock'], ['indexes', 'coffee'],
  ['locks', 'vacuum', 'planner'], ['surprising', 'indexes'], ['aha!', 'joins'], ['locks', 'statistics', 'indexes'],
  ['vacuum', 'coffee', 'patience'], ['indexes', 'locks', 'planner'], ['deadlock', 'joins'], ['indexes', 'aha!'],
  ['vacuum', 'bloat'], ['partial index', 'covering index'], ['humbling', 'indexes'], ['EXPLAIN', 'buffers'],
]; // prettier-ignore
const CONFIDENCE = [0, 1, 1, 2, 2, 2, 3, 2, 1, 3, 2, 1, 3, 4, 2, 1, 2, 3, 2, 0];
const PLANS = [
  'Look at the plan before adding an index',
  'Set a lock timeout in every migration',
  'Turn on pg_stat_statements',
  'Look at the plan before adding an index',
  'Ask before I use OFFSET',
  'Set a lock timeout in every migration',
  'Talk to our DBA more often',
  'Look at the plan before adding an index',
];
const QUESTIONS: [number, string, number][] = [
  [2, 'How do we roll this back if the migration half-finishes?', 12],
  [5, 'Is there a reading list for the second part?', 7],
  [8, 'Could you show the slow query again, with the plan beside it?', 5],
  [11, 'Does this also hold for partitioned tables?', 3],
  [13, 'What do you think of ORMs?', 1],
];

export interface Afternoon {
  stage: Stage;
  people: Guest[];
  polls: Record<'spend' | 'tools' | 'confident' | 'word' | 'monday', string>;
  questions: string[];
}

/** Everything prepared, the lobby open, people waiting. */
export async function afternoon(workshop: Workshop, title = 'Postgres in anger, part two'): Promise<Afternoon> {
  const stage = await workshop.stage({ title, description: 'Bring the slowest query you have.' });
  const polls = {
    confident: await stage.poll(CONFIDENT),
    spend: await stage.poll(SPEND),
    tools: await stage.poll(TOOLS),
    word: await stage.poll(WORD),
    monday: await stage.poll(MONDAY),
  };
  await stage.do({ start: {} });
  const people = await stage.guests(NAMES);
  return { stage, people, polls, questions: [] };
}

async function answer(people: Guest[], poll: string, answers: readonly (number | number[] | string | string[])[]) {
  await Promise.all(answers.map((choice, i) => people[i]!.vote(poll, choice)));
}

export async function confident({ stage, people, polls }: Afternoon): Promise<void> {
  await stage.open(polls.confident);
  await seen(people, polls.confident);
  await answer(people, polls.confident, CONFIDENCE);
  await stage.do({ closePoll: { poll: polls.confident } });
}

export async function spend({ stage, people, polls }: Afternoon): Promise<void> {
  await stage.open(polls.spend);
  await seen(people, polls.spend);
  await answer(people, polls.spend, SPENT);
}

export async function word({ stage, people, polls }: Afternoon): Promise<void> {
  await stage.open(polls.word);
  await seen(people, polls.word);
  await answer(people, polls.word, WORDS);
}

export async function tools({ stage, people, polls }: Afternoon): Promise<void> {
  await stage.open(polls.tools);
  await seen(people, polls.tools);
  await answer(
    people,
    polls.tools,
    people.slice(2).map((_, i) => [[0, 3], [0, 2, 3], [2], [0, 1, 3], [2, 3], [4]][i % 6]!),
  );
}

export async function monday({ stage, people, polls }: Afternoon): Promise<void> {
  await stage.open(polls.monday);
  await seen(people, polls.monday);
  await answer(people, polls.monday, PLANS);
}

export async function ask(scene: Afternoon): Promise<void> {
  for (const [who, body, support] of QUESTIONS) {
    const question = await scene.people[who]!.ask(body, who === 5);
    const others = scene.people.filter((_, i) => i !== who).slice(0, support);
    await Promise.all(others.map((p) => p.room.send({ upvote: { question, on: true } })));
    scene.questions.push(question);
  }
}

/** Until everybody has been told that the poll is open. */
async function seen(people: Guest[], poll: string): Promise<void> {
  await Promise.all(people.map((p) => p.until((s) => s.polls.some((x) => x.id === poll && x.status === 'open'))));
}
