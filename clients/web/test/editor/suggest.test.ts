import { getSchema } from '@tiptap/core';
import type { Node } from '@tiptap/pm/model';
import { EditorState, TextSelection } from '@tiptap/pm/state';
import { describe, expect, test } from 'vitest';
import { settle, suggested, suggestionsIn } from '../../src/editor/desk/suggest';
import { nodesAndMarks } from '../../src/editor/schema';

const schema = getSchema(nodesAndMarks((text) => text));
let counter = 0;
const by = (author: string) => ({ author, name: author, at: '2026-11-21T10:00:00Z', id: () => `s${(counter += 1)}` });

function state(...paragraphs: string[]): EditorState {
  const content = paragraphs.map((text) => schema.node('paragraph', null, text ? schema.text(text) : []));
  return EditorState.create({ doc: schema.node('doc', null, content) });
}
const at = (state: EditorState, from: number, to = from) =>
  state.apply(state.tr.setSelection(TextSelection.create(state.doc, from, to)));

/** +what comes+ and -what goes-. */
const read = (doc: Node): string => {
  const lines: string[] = [];
  doc.forEach((block) => {
    let line = '';
    block.forEach((node) => {
      const signs = node.marks.map((mark) => ({ insertion: '+', deletion: '-' })[mark.type.name] ?? '').join('');
      line += `${signs}${node.text ?? ''}${signs}`;
    });
    lines.push(line);
  });
  return lines.join('|');
};

function type(state: EditorState, text: string, author = 'mira'): EditorState {
  const { from, to } = state.selection;
  return state.apply(suggested(state.tr.insertText(text, from, to), state, by(author))!);
}
function backspace(state: EditorState, author = 'mira'): EditorState {
  const { from, to, empty } = state.selection;
  return state.apply(suggested(state.tr.delete(empty ? from - 1 : from, to), state, by(author))!);
}

describe('what is typed is suggested', () => {
  test('letters become one suggestion, and the caret is behind them', () => {
    let s = at(state('Indexes help'), 13);
    for (const letter of ' a lot') s = type(s, letter);
    expect(read(s.doc)).toBe('Indexes help+ a lot+');
    expect(s.selection.from).toBe(19);
    expect(suggestionsIn(s.doc)).toMatchObject([{ inserted: ' a lot', deleted: '', author: 'mira' }]);
  });
  test('deleting strikes out, and goes on backwards', () => {
    let s = at(state('abc'), 4);
    s = backspace(backspace(s));
    expect(read(s.doc)).toBe('a-bc-');
    expect(s.selection.from).toBe(2);
    expect(suggestionsIn(s.doc)).toHaveLength(1);
  });
  test('one takes back one’s own suggestion for good, and strikes out that of another', () => {
    let s = type(at(state('x'), 2), 'yz');
    s = backspace(s);
    expect(read(s.doc)).toBe('x+y+');
    s = backspace(s, 'bo');
    expect(read(s.doc)).toBe('x+-y+-');
  });
  test('replacing is one suggestion with both', () => {
    const s = type(at(state('good night'), 6, 11), 'day');
    expect(read(s.doc)).toBe('good -night-+day+');
    expect(suggestionsIn(s.doc)).toMatchObject([{ inserted: 'day', deleted: 'night' }]);
  });
  test('a browser that replaces a whole word suggests only the letters that differ', () => {
    const s = at(state('wrod'), 5);
    const made = s.apply(suggested(s.tr.insertText('words', 1, 5), s, by('mira'))!);
    expect(read(made.doc)).toBe('w-rod-+ords+');
  });
  test('paragraphs, formats and lists are refused rather than changed', () => {
    const s = at(state('one', 'two'), 4);
    expect(suggested(s.tr.split(4), s, by('mira'))).toBeNull();
    expect(suggested(s.tr.delete(4, 6), s, by('mira'))).toBeNull();
    expect(suggested(s.tr.addMark(1, 3, schema.marks.bold!.create()), s, by('mira'))).toBeNull();
    expect(suggested(s.tr.setBlockType(1, 3, schema.nodes.heading!, { level: 2 }), s, by('mira'))).toBeNull();
  });
  test('deleting over paragraphs strikes out the words and leaves the paragraphs', () => {
    const s = at(state('one', 'two'), 2, 8);
    const made = s.apply(suggested(s.tr.deleteSelection(), s, by('mira'))!);
    expect(read(made.doc)).toBe('o-ne-|-tw-o');
  });
  test('bold words stay bold where something is put into them', () => {
    const bold = schema.text('bold', [schema.marks.bold!.create()]);
    const doc = schema.node('doc', null, [schema.node('paragraph', null, bold)]);
    const s = type(at(EditorState.create({ doc }), 3), 'x');
    const names = (s.doc.nodeAt(3)?.marks ?? []).map((mark) => mark.type.name).sort();
    expect(names).toEqual(['bold', 'insertion']);
  });
  test('code can be suggested too', () => {
    const code = schema.text('let', [schema.marks.code!.create()]);
    const doc = schema.node('doc', null, [schema.node('paragraph', null, code)]);
    const s = backspace(at(EditorState.create({ doc }), 4));
    expect(read(s.doc)).toBe('le-t-');
  });
});

describe('suggestions are accepted and rejected', () => {
  const both = () => type(at(type(at(state('good night', 'friends'), 6, 11), 'day'), 16, 23), 'all', 'bo');
  test('one by one', () => {
    const s = both();
    const [first, second] = suggestionsIn(s.doc);
    const accepted = s.apply(settle(s, first!.id, true));
    expect(read(accepted.doc)).toBe('good day|-friends-+all+');
    expect(read(accepted.apply(settle(accepted, second!.id, false)).doc)).toBe('good day|friends');
  });
  test('all at once', () => {
    const s = both();
    expect(read(s.apply(settle(s, null, true)).doc)).toBe('good day|all');
    expect(read(s.apply(settle(s, null, false)).doc)).toBe('good night|friends');
  });
  test('a paragraph of which nothing is left goes with its words', () => {
    let s = at(state('one', 'two'), 6, 9);
    s = s.apply(suggested(s.tr.deleteSelection(), s, by('mira'))!);
    expect(read(s.apply(settle(s, null, true)).doc)).toBe('one');
    expect(read(s.apply(settle(s, null, false)).doc)).toBe('one|two');
  });
});
