import { Editor } from '@tiptap/core';
import { prosemirrorJSONToYXmlFragment, yXmlFragmentToProseMirrorRootNode } from '@tiptap/y-tiptap';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { threadsOf } from '../../src/editor/desk/comments';
import { queryIn } from '../../src/editor/desk/complete';
import { fit } from '../../src/editor/desk/images';
import { initials, passages } from '../../src/editor/desk/who';
import { troubleIn } from '../../src/editor/fits';
import { nodesAndMarks, wordsOf } from '../../src/editor/schema';

const editor = new Editor({ element: null, injectCSS: false, extensions: nodesAndMarks((text) => text) });
const { schema } = editor;

test('a sign opens a list only where a word begins', () => {
  expect(queryIn('/')).toEqual({ kind: 'slash', text: '', length: 1 });
  expect(queryIn('see /tab')).toEqual({ kind: 'slash', text: 'tab', length: 4 });
  expect(queryIn('and @Mira Lo')).toEqual({ kind: 'mention', text: 'Mira Lo', length: 8 });
  for (const none of ['', 'and/or', 'https://', 'mira@example.org', '/ and', '@Mira Lo and', `/${'x'.repeat(40)}`])
    expect(queryIn(none), none).toBeNull();
});

test('images are made to fit and never larger', () => {
  expect(fit(4_000, 3_000)).toEqual({ width: 2_000, height: 1_500 });
  expect(fit(300, 200)).toEqual({ width: 300, height: 200 });
  expect(fit(9_000, 3)).toEqual({ width: 2_000, height: 1 });
});

describe('remarks', () => {
  const map = () => new Y.Doc().getMap<unknown>('comments');
  const remark = (more: Record<string, unknown>) =>
    new Y.Map(
      Object.entries({ parent: null, field: 'body', quote: 'q', body: new Y.Text('text'), author: 'a', ...more }),
    );
  test('answers are with what they answer, in the order of time', () => {
    const all = map();
    all.set('03', remark({ parent: '01', body: new Y.Text('later') }));
    all.set('02', remark({ parent: '01' }));
    all.set('01', remark({}));
    expect(threadsOf(all)).toMatchObject([
      { id: '01', body: 'text', answers: [{ id: '02' }, { id: '03', body: 'later' }] },
    ]);
  });
  test('whatever somebody put there is made harmless', () => {
    const all = map();
    all.set('1', 'no map');
    all.set('2', new Y.Map<unknown>([['body', 7]]));
    all.set('3', remark({ parent: 'nobody' }));
    expect(threadsOf(all)).toMatchObject([{ id: '2', body: '', author: '', field: '', answers: [] }]);
  });
});

describe('who wrote what', () => {
  test('passages by client and clock, with what is new', () => {
    const doc = new Y.Doc();
    const fragment = doc.getXmlFragment('body');
    const json = {
      type: 'doc',
      content: [
        {
          type: 'paragraph',
          content: [{ type: 'text', text: 'ab' }, { type: 'hardBreak' }, { type: 'text', text: 'cd' }],
        },
        {
          type: 'bulletList',
          content: [{ type: 'listItem', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'ef' }] }] }],
        },
      ],
    };
    prosemirrorJSONToYXmlFragment(schema, json, fragment);
    const node = yXmlFragmentToProseMirrorRootNode(fragment, schema);
    const users = [{ id: 'm', displayName: 'Mira Loos' }];
    const all = passages(fragment, node, { users, ranges: [{ client: doc.clientID, from: 0, to: 1_000, user: 'm' }] });
    expect(all.map(({ from, to }) => node.textBetween(from, to))).toEqual(['ab', 'cd', 'ef']);
    // Somebody else goes on in the middle of a word.
    const other = new Y.Doc();
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
    const text = (other.getXmlFragment('body').get(0) as Y.XmlElement).get(0) as Y.XmlText;
    text.insert(1, 'XYZ');
    const later = yXmlFragmentToProseMirrorRootNode(other.getXmlFragment('body'), schema);
    const ranges = [
      { client: doc.clientID, from: 0, to: 1_000, user: 'm' },
      { client: other.clientID, from: 0, to: 2, user: 'b' },
    ];
    const both = passages(other.getXmlFragment('body'), later, {
      users: [...users, { id: 'b', displayName: 'Bo' }],
      ranges,
    });
    expect(both.slice(0, 4).map(({ from, to, author }) => [later.textBetween(from, to), author])).toEqual([
      ['a', 0],
      ['XY', 1],
      ['Z', -1],
      ['b', 0],
    ]);
  });
  test('letters for names', () => {
    expect(['Mira Loos', 'Bo', 'Ana de la Cruz', ''].map((displayName) => initials({ id: '', displayName }))).toEqual([
      'ML',
      'B',
      'AC',
      '',
    ]);
  });
});

test('what this editor would delete is found beforehand', () => {
  const fragment = new Y.Doc().getXmlFragment('body');
  const paragraph = new Y.XmlElement('paragraph');
  const text = new Y.XmlText();
  fragment.insert(0, [paragraph]);
  paragraph.insert(0, [text]);
  text.insert(0, 'x', { bold: {}, 'insertion--AbCd123=': {} });
  expect(troubleIn(fragment)).toBeNull();
  text.insert(1, 'y', { sparkle: {} });
  expect(troubleIn(fragment)).toBe('sparkle');
  fragment.insert(1, [new Y.XmlElement('video')]);
  text.delete(0, text.length);
  expect(troubleIn(fragment)).toBe('video');
  text.insert(0, 'still there');
  expect(wordsOf(fragment)).toContain('still there');
});
