import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { begins, byDay, dayKey } from '../documents/dates';
import { fileName, wholePage } from '../documents/download';
import { keysFor, last, move, placed } from '../documents/order';
import { nodesOf } from '../documents/safe';
import { agenda, meet } from './documents';

const titles = (doc: Y.Doc): string[] => placed(doc.getMap('agenda')).map((item) => String(item.map.get('title')));
const shift = (doc: Y.Doc, id: string, to: number) => doc.transact(() => move(placed(doc.getMap('agenda')), id, to));

function two(names: readonly string[]): [Y.Doc, Y.Doc] {
  const [a, b] = [new Y.Doc(), new Y.Doc()];
  agenda(a, names);
  meet(a, b);
  return [a, b];
}

describe('an order that several people change', () => {
  test('an item goes to any place', () => {
    const names = ['A', 'B', 'C', 'D'];
    for (let from = 0; from < 4; from += 1)
      for (let to = 0; to < 4; to += 1) {
        const doc = new Y.Doc();
        agenda(doc, names);
        shift(doc, `id-${from}`, to);
        const wanted = names.filter((_, i) => i !== from);
        wanted.splice(to, 0, names[from]!);
        expect(titles(doc), `${from} to ${to}`).toEqual(wanted);
      }
  });

  test('two who move the same item at once do not double it, and see the same', () => {
    const [a, b] = two(['A', 'B', 'C', 'D']);
    shift(a, 'id-0', 3);
    shift(b, 'id-0', 1);
    meet(a, b);
    expect(titles(a)).toEqual(titles(b));
    expect([...titles(a)].sort()).toEqual(['A', 'B', 'C', 'D']);
  });

  test('what two put into the same place stays apart, and something fits between them', () => {
    const [a, b] = two(['A', 'B', 'C', 'D']);
    shift(a, 'id-2', 1);
    shift(b, 'id-3', 1);
    meet(a, b);
    const same = titles(a);
    expect(titles(b)).toEqual(same);
    const twins = placed(a.getMap('agenda'));
    expect(twins[1]!.order).toBe(twins[2]!.order);
    shift(a, 'id-0', 1);
    expect(titles(a)).toEqual([same[1], 'A', same[2], 'B']);
  });

  test('keys that are none are made anew', () => {
    const doc = new Y.Doc();
    agenda(doc, ['A', 'B', 'C']);
    const list = doc.getMap<unknown>('agenda');
    (list.get('id-1') as Y.Map<unknown>).set('order', '!?');
    (list.get('id-2') as Y.Map<unknown>).delete('order');
    expect(titles(doc)).toEqual(['C', 'B', 'A']);
    shift(doc, 'id-0', 1);
    expect(titles(doc)).toEqual(['C', 'A', 'B']);
    expect(last(placed(list)) > placed(list).at(-1)!.order).toBe(true);
  });

  test('as few keys as possible change', () => {
    const of = (keys: string[]) => keys.map((order, i) => ({ id: String(i), order }));
    expect([...keysFor(of(['a0', 'x', 'a1', 'a2']), 1).keys()]).toEqual(['1']);
    expect([...keysFor(of(['a0', 'x', 'a0', 'a2']), 1).keys()]).toEqual(['1', '2']);
  });
});

test('the agenda adds up to times of day', () => {
  expect(begins([10, null, 30])).toEqual([0, 10, 10]);
  const days = byDay(['2026-05-04T10:00:00', '2026-05-04T09:00:00', '2026-05-03T23:00:00'], (at) => at);
  expect(days.map((day) => [day.key, day.items.length])).toEqual([
    ['2026-05-04', 2],
    ['2026-05-03', 1],
  ]);
  expect(dayKey(new Date(2026, 0, 5))).toBe('2026-01-05');
});

test('files have names that every system takes, and pages say how they are to be read', () => {
  expect(fileName('A/B: "C" <d>?', 'md')).toBe('A B C d.md');
  expect(fileName('...', 'html')).toBe('document.html');
  expect(wholePage('<p>Grüße</p>', 'A & B', 'de')).toContain('<meta charset="utf-8">');
  expect(wholePage('', 'A & <B>', 'de')).toContain('<title>A &amp; &lt;B&gt;</title>');
});

test('of HTML only what a text needs comes onto the page', () => {
  const root = document.createElement('div');
  const show = (html: string): string => {
    root.replaceChildren(nodesOf(html));
    return root.innerHTML;
  };
  expect(show('<p>Was <del>rot</del> <ins>blau</ins></p>')).toBe('<p>Was <del>rot</del> <ins>blau</ins></p>');
  expect(show('<img src=x onerror=alert(1)><script>alert(1)</script><svg><a/></svg>')).toBe('<img>');
  expect(show('<a href="javascript:alert(1)" onclick="x()">x</a>')).not.toMatch(/javascript|onclick/);
  expect(show('<form><button style="x">ok</button></form>')).toBe('ok');
  expect(show('<input type="text" value="x">')).toBe('');
  expect(show('<ul><li><input type="checkbox" checked>Do</li></ul>')).toContain('disabled');
});
