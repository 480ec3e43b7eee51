import { beforeEach, describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { Board, type News } from '../../src/board/board';
import { MOST_SHAPES, type Draft } from '../../src/board/shapes';

/** A document with own undo, as a page has it. */
class Page {
  readonly doc = new Y.Doc();
  readonly mine = Symbol('mine');
  readonly undo = new Y.UndoManager(this.doc, { trackedOrigins: new Set([this.mine]), captureTimeout: 500 });
  #next = 0;
  readonly board = new Board(this, () => `${this.name}${(this.#next += 1)}`);
  constructor(readonly name: string) {}
  change(how: () => void): void {
    this.doc.transact(how, this.mine);
  }
  entered(): void {
    this.undo.stopCapturing();
  }
}

const note = (x: number, text = ''): Draft => ({ kind: 'note', x, y: 0, width: 100, height: 100, text });
const seen = (board: Board) => board.order.map(({ id, x, text, locked }) => ({ id, x, text, locked }));

let a: Page;
let b: Page;
beforeEach(() => {
  [a, b] = [new Page('a'), new Page('b')];
  a.doc.on('update', (update, origin) => origin !== b && Y.applyUpdate(b.doc, update, a));
  b.doc.on('update', (update, origin) => origin !== a && Y.applyUpdate(a.doc, update, b));
});

describe('a board of two', () => {
  test('both see the same, in the same order, and undo takes back one’s own only', () => {
    const [first] = a.board.add([note(1, 'one')]);
    b.board.add([note(2, 'two')]);
    a.board.change(new Map([[first!, { x: 50 }]]));
    expect(seen(a.board)).toEqual(seen(b.board));
    expect(a.board.order.map(({ text }) => text)).toEqual(['one', 'two']);
    a.undo.undo();
    expect(a.board.get(first!)!.x).toBe(1);
    a.undo.undo();
    expect(seen(b.board).map(({ text }) => text)).toEqual(['two']);
    expect(a.undo.canUndo()).toBe(false);
    a.undo.redo();
    expect(seen(b.board).map(({ text }) => text)).toEqual(['one', 'two']);
  });
  test('front and back keep the order of what is moved', () => {
    const ids = a.board.add([note(1), note(2), note(3), note(4)]);
    b.board.arrange([ids[0]!, ids[1]!], 'front');
    expect(a.board.order.map(({ x }) => x)).toEqual([3, 4, 1, 2]);
    a.board.arrange([ids[1]!], 'back');
    expect(b.board.order.map(({ x }) => x)).toEqual([2, 3, 4, 1]);
  });
  test('what is locked stays', () => {
    const ids = a.board.add([note(1), note(2)]);
    a.board.change(new Map([[ids[0]!, { locked: true }]]));
    expect(b.board.remove(ids)).toEqual([ids[1]]);
    b.board.arrange([ids[0]!], 'front');
    expect(seen(a.board)).toEqual([{ id: ids[0], x: 1, text: '', locked: true }]);
    a.board.change(new Map([[ids[0]!, { locked: false }]]));
    expect(b.board.remove(ids)).toEqual([ids[0]]);
  });
  test('two type in one note', () => {
    const [id] = a.board.add([note(1, 'ac')]);
    a.board.writing();
    a.board.write(id!, 'abc');
    b.board.write(id!, 'abcd');
    expect(a.board.get(id!)!.text).toBe('abcd');
    a.undo.undo();
    expect(b.board.get(id!)!.text).toBe('acd');
  });
  test('only what changed is told', () => {
    const news: News[] = [];
    const ids = a.board.add([note(1), note(2)]);
    b.board.listen((each) => news.push(each));
    a.board.change(new Map([[ids[0]!, { x: 9 }]]));
    a.board.remove([ids[1]!]);
    expect(news.map(({ changed, gone, ordered }) => [[...changed], [...gone], ordered])).toEqual([
      [[ids[0]], [], false],
      [[], [ids[1]], true],
    ]);
  });
});

test('a copy is a shape of its own, unlocked, with the same words', () => {
  const [id] = a.board.add([{ ...note(1, 'words'), locked: true, color: '3' }]);
  const [copy] = a.board.duplicate([id!]);
  expect(a.board.get(copy!)).toMatchObject({ x: 25, text: 'words', locked: false, color: '3' });
});

test('odd places in the order, as others may write them, break nothing', () => {
  b.doc.getMap('shapes').set('odd', new Y.Map(Object.entries({ kind: 'note', x: 0, y: 0, order: 'zzz!' })));
  b.doc.getMap('shapes').set('worse', 'no map');
  const [id] = a.board.add([note(1)]);
  a.board.arrange([id!], 'back');
  expect(a.board.order.map((shape) => shape.id)).toContain(id);
});

test('a full board takes nothing more, until something goes', () => {
  a.board.add(Array.from({ length: MOST_SHAPES - 1 }, (_, i) => ({ kind: 'pen', x: i, y: 0, points: [0, 0, 0.5] })));
  expect(a.board.add([note(1), note(2)])).toEqual([]);
  const [last] = a.board.add([note(1)]);
  expect(a.board.full).toBe('shapes');
  expect(a.board.add([note(1)])).toEqual([]);
  a.board.remove([last!]);
  expect(a.board.full).toBeNull();
  expect(b.board.order).toHaveLength(MOST_SHAPES - 1);
});
