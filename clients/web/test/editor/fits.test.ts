import { expect, test } from 'vitest';
import * as Y from 'yjs';
import { mend, troubleIn } from '../../src/editor/fits';

type Tree = string | [name: string, attributes?: Record<string, unknown>, ...inside: Tree[]];

function grown(tree: Tree): Y.XmlElement | Y.XmlText {
  if (typeof tree === 'string') return new Y.XmlText(tree);
  const [name, attributes = {}, ...inside] = tree;
  const element = new Y.XmlElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value as string);
  element.insert(0, inside.map(grown));
  return element;
}

function text(...trees: Tree[]): Y.XmlFragment {
  const fragment = new Y.Doc().getXmlFragment('body');
  fragment.insert(0, trees.map(grown));
  return fragment;
}

const p = (words: string): Tree => ['paragraph', {}, words];
const cell = (attributes: Record<string, unknown>): Tree => [
  'table',
  {},
  ['tableRow', {}, ['tableCell', attributes, p('x')]],
];

test.each<[string, Tree[]]>([
  ['nothing', []],
  ['paragraphs, one without a word', [p('a'), ['paragraph']]],
  ['lists in lists', [['bulletList', {}, ['listItem', {}, p('a'), ['orderedList', {}, ['listItem', {}, p('b')]]]]]],
  ['a table', [cell({ colspan: 1, rowspan: 2, colwidth: null })]],
  ['what is empty and goes: a list that two people have emptied', [['bulletList'], p('a')]],
])('fits: %s', (_, trees) => expect(troubleIn(text(...trees))).toBeNull());

test.each<[string, Tree[], string]>([
  ['a heading in an item', [['bulletList', {}, ['listItem', {}, ['heading', { level: 1 }, 'IMPORTANT']]]], 'listItem'],
  ['a paragraph in a list', [['bulletList', {}, p('IMPORTANT')]], 'bulletList'],
  ['a row outside of a table', [['tableRow', {}, ['tableCell', {}, p('x')]]], 'doc'],
  ['words outside of everything', ['x'], 'doc'],
  ['an element that nobody knows, also an empty one', [['script']], 'script'],
  ['a cell as wide as the world', [cell({ colspan: 1e9 })], 'tableCell'],
  ['a cell of no height', [cell({ rowspan: 0 })], 'tableCell'],
  ['a cell as wide as a word', [cell({ colspan: '2' })], 'tableCell'],
])('does not fit: %s', (_, trees, name) => expect(troubleIn(text(...trees))).toBe(name));

test('what is easily put right is put right, and no word is lost', () => {
  const fragment = text(
    ['bulletList', {}, ['listItem', {}, ['bulletList', {}, ['listItem', {}, p('inner')]]]],
    ['codeBlock', {}, 'let x = 1'],
    cell({ colspan: 1e10 }),
  );
  const [, code] = fragment.toArray() as Y.XmlElement[];
  (code!.get(0) as Y.XmlText).format(4, 1, { bold: {}, link: { href: 'https://a.example' } });
  expect(troubleIn(fragment)).not.toBeNull();
  mend(fragment);
  expect(troubleIn(fragment)).toBeNull();
  const words = fragment.toString().replaceAll(/<[^>]*>/g, ' ');
  for (const word of ['inner', 'let x = 1', 'x']) expect(words).toContain(word);
});

test('a thousand paragraphs are looked through in no time', () => {
  const fragment = text(...Array.from({ length: 1_000 }, (_, n) => p(`paragraph ${n}`)));
  const began = performance.now();
  for (let n = 0; n < 20; n += 1) troubleIn(fragment);
  expect((performance.now() - began) / 20).toBeLessThan(50);
});
