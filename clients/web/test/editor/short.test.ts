import { describe, expect, test, vi } from 'vitest';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { difference, through } from '../../src/editor/difference';
import type { DocumentSession } from '../../src/editor/session';
import { ShortText } from '../../src/editor/short';

describe('what typing changed', () => {
  const apply = (before: string, after: string, caret?: number) => {
    const change = difference(before, after, caret)!;
    return before.slice(0, change.at) + change.insert + before.slice(change.at + change.remove);
  };
  test('only what is different, and the right one of two equal letters', () => {
    expect(difference('same', 'same')).toBeNull();
    expect(difference('Hello', 'Hello!')).toEqual({ at: 5, remove: 0, insert: '!' });
    expect(difference('abc', 'abbc', 2)).toEqual({ at: 1, remove: 0, insert: 'b' });
    expect(difference('abc', 'abbc', 3)).toEqual({ at: 2, remove: 0, insert: 'b' });
    expect(difference('one two', 'one 2', 5)).toEqual({ at: 4, remove: 3, insert: '2' });
  });
  test('whatever is typed, the change gives it, and halves of characters stay together', () => {
    const texts = ['', 'a', 'aa', 'ab', 'ba', 'abab', '😀', '😀😁', 'a😀', 'x😁y', 'aaaa'];
    for (const before of texts)
      for (const after of texts.filter((other) => other !== before))
        for (let caret = 0; caret <= after.length; caret += 1) {
          expect(apply(before, after, caret)).toBe(after);
          const change = difference(before, after, caret)!;
          // Half a character would become another one on its way.
          expect(new TextDecoder().decode(new TextEncoder().encode(change.insert))).toBe(change.insert);
        }
  });
  test('a place goes along with what others change', () => {
    expect(through(3, [{ insert: 'xy' }])).toBe(5);
    expect(through(3, [{ retain: 3 }, { insert: 'xy' }])).toBe(3);
    expect(through(3, [{ retain: 1 }, { delete: 1 }])).toBe(2);
    expect(through(3, [{ retain: 1 }, { delete: 9 }])).toBe(1);
    expect(through(3, [{ retain: 5 }, { insert: 'z' }])).toBe(3);
  });
});

function page(doc: Y.Doc) {
  const mine = Symbol('mine');
  const session = {
    doc,
    awareness: new Awareness(doc),
    change: (how: () => void) => doc.transact(how, mine),
    join: () => () => undefined,
    entered: vi.fn(),
    step: vi.fn(),
  };
  const box = document.createElement('input');
  document.body.append(box);
  const field = new ShortText(session as unknown as DocumentSession, doc.getText('title'), box);
  const type = (value: string, caret = value.length) => {
    box.value = value;
    box.setSelectionRange(caret, caret);
    box.dispatchEvent(new InputEvent('input'));
  };
  return { box, field, session, type };
}

function pair() {
  const [a, b] = [new Y.Doc(), new Y.Doc()];
  a.on('update', (update: Uint8Array, from: unknown) => from !== 'other' && Y.applyUpdate(b, update, 'other'));
  b.on('update', (update: Uint8Array, from: unknown) => from !== 'other' && Y.applyUpdate(a, update, 'other'));
  return [a, b] as const;
}

describe('a short text in a box', () => {
  test('two people type in it, and the caret stays with its word', () => {
    const [a, b] = pair();
    const [mira, bo] = [page(a), page(b)];
    mira.type('Indexes');
    expect(bo.box.value).toBe('Indexes');
    mira.box.focus();
    mira.box.setSelectionRange(7, 7);
    bo.type('Good Indexes', 5);
    expect(mira.box.value).toBe('Good Indexes');
    expect(mira.box.selectionStart).toBe(12);
    mira.type('Good Indexes!');
    expect(bo.box.value).toBe('Good Indexes!');
  });
  test('a word that is being composed is not disturbed, and lands where it was meant', () => {
    const [a, b] = pair();
    const [mira, bo] = [page(a), page(b)];
    mira.type('the end');
    mira.box.dispatchEvent(new CompositionEvent('compositionstart'));
    mira.type('the ennd', 7);
    bo.type('Before the end', 7);
    expect(mira.box.value).toBe('the ennd');
    mira.type('the enñd', 7);
    mira.box.dispatchEvent(new CompositionEvent('compositionend'));
    expect(mira.box.value).toBe('Before the enñd');
    expect(bo.box.value).toBe('Before the enñd');
  });
  test('its undo is the one of the session', () => {
    const { box, session } = page(new Y.Doc());
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true }));
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Z', ctrlKey: true, shiftKey: true }));
    expect(session.step.mock.calls).toEqual([['undo'], ['redo']]);
  });
});
