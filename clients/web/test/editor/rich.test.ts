import { describe, expect, test, vi } from 'vitest';
import * as Y from 'yjs';
import { RichField } from '../../src/editor/rich';
import { DocumentSession } from '../../src/editor/session';
import { ShortText } from '../../src/editor/short';

// No line: what the server says comes by hand.
let said: { onSynced?: () => void; onAuthenticated?: (what: { scope: string }) => void } = {};
vi.mock('@hocuspocus/provider', () => ({
  WebSocketStatus: { Connected: 'connected', Connecting: 'connecting', Disconnected: 'disconnected' },
  HocuspocusProvider: class {
    constructor(given: typeof said) {
      said = given;
    }
    destroy(): void {
      // Nothing was opened.
    }
  },
}));

function page() {
  const session = new DocumentSession({
    document: 'live_notes:1',
    token: async () => '',
    name: 'Mira',
    mayWrite: true,
  });
  said.onAuthenticated!({ scope: 'read-write' });
  said.onSynced!();
  const rich = (path: string, onunknown = vi.fn(), onstale = vi.fn()) => {
    const element = document.createElement('div');
    document.body.append(element);
    const fragment = session.doc.getXmlFragment(path);
    const options = { element, fragment, path, label: path, plainPaste: false, taskLabel: (text: string) => text };
    return new RichField(session, { ...options, onunknown, onstale });
  };
  return { session, rich };
}

const remote = (session: DocumentSession, how: (doc: Y.Doc) => void): void => {
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(session.doc));
  how(other);
  Y.applyUpdate(session.doc, Y.encodeStateAsUpdate(other));
};

describe('fields of one document', () => {
  test('one undo for all of them, one step per field, and never the words of others', () => {
    const { session, rich } = page();
    const [wins, challenges] = [rich('wins'), rich('challenges')];
    const box = document.createElement('input');
    document.body.append(box);
    const title = new ShortText(session, session.doc.getText('title'), box);
    wins.editor.commands.insertContent('first');
    session.entered();
    box.value = 'Plan';
    box.dispatchEvent(new InputEvent('input'));
    session.entered();
    challenges.editor.commands.insertContent('second');
    remote(session, (doc) => doc.getText('title').insert(4, ' of Bo'));
    expect(box.value).toBe('Plan of Bo');

    session.step('undo');
    expect([wins.plain(), box.value, challenges.plain()]).toEqual(['first', 'Plan of Bo', '']);
    session.step('undo');
    expect([wins.plain(), box.value]).toEqual(['first', ' of Bo']);
    session.step('undo');
    expect([wins.plain(), box.value]).toEqual(['', ' of Bo']);
    expect(session.can('undo')).toBe(false);
    for (let n = 0; n < 3; n += 1) session.step('redo');
    expect([wins.plain().trim(), challenges.plain().trim()]).toEqual(['first', 'second']);
    title.destroy();
    session.destroy();
  });

  test('a field that goes leaves the undo of the others', () => {
    const { session, rich } = page();
    const [wins, challenges] = [rich('wins'), rich('challenges')];
    wins.editor.commands.insertContent('stays');
    challenges.destroy();
    session.step('undo');
    expect(wins.plain()).toBe('');
    session.destroy();
  });

  test('what is newer than this page is not deleted by it', () => {
    const { session, rich } = page();
    const onunknown = vi.fn();
    const wins = rich('wins', onunknown);
    wins.editor.commands.insertContent('words');
    remote(session, (doc) => {
      const video = new Y.XmlElement('video');
      doc.getXmlFragment('wins').insert(0, [video]);
    });
    expect(onunknown).toHaveBeenCalledOnce();
    expect(session.doc.getXmlFragment('wins').toString()).toContain('<video></video>');
    expect(session.doc.getXmlFragment('wins').toString()).toContain('words');
    session.destroy();
  });

  test('without the right nothing is typed, and it comes and goes', () => {
    const { session, rich } = page();
    const wins = rich('wins');
    expect(wins.editor.isEditable).toBe(true);
    said.onAuthenticated!({ scope: 'readonly' });
    wins.obey();
    expect(wins.editor.isEditable).toBe(false);
    expect(session.can('undo')).toBe(false);
    session.change(() => session.doc.getText('title').insert(0, 'x'));
    expect(session.doc.getText('title').toString()).toBe('');
    session.destroy();
  });
});

describe('whatever others send, their words arrive and are not written over', () => {
  const adds = (doc: Y.Doc, words: string): void => {
    const paragraph = new Y.XmlElement('paragraph');
    paragraph.insert(0, [new Y.XmlText(words)]);
    doc.getXmlFragment('wins').push([paragraph]);
  };

  test.each([
    { cursor: { anchor: {}, head: {} } },
    { cursor: 5 },
    { cursor: { anchor: null, head: [] } },
    { cursor: { anchor: { type: 'x' }, head: { item: { client: 'y', clock: -1 } } } },
    { cursor: { anchor: { tname: 'wins' }, head: { tname: 'elsewhere' } }, user: 3 },
  ])('a caret at no place: %j', (state) => {
    const { session, rich } = page();
    const wins = rich('wins');
    wins.editor.commands.insertContent('mine');
    session.awareness.states.set(77, { user: { name: 'x' }, ...state });
    session.awareness.emit('change', [{ added: [77], updated: [], removed: [] }, 'remote']);
    remote(session, (doc) => adds(doc, 'theirs'));
    expect(wins.plain()).toBe('mine\ntheirs');
    wins.editor.commands.insertContentAt(1, 'still ');
    expect(session.doc.getXmlFragment('wins').toString()).toContain('theirs');
    session.destroy();
  });

  test('an editor that did not take over a change is gone before it writes over it', () => {
    const { session, rich } = page();
    const onstale = vi.fn();
    const wins = rich('wins', undefined, onstale);
    wins.editor.commands.insertContent('mine');
    wins.editor.view.updateState = () => {
      throw new RangeError('Invalid array length');
    };
    expect(() => remote(session, (doc) => adds(doc, 'theirs'))).toThrow(RangeError);
    expect(onstale).toHaveBeenCalledOnce();
    expect(wins.editor.isDestroyed).toBe(true);
    expect(rich('wins').plain()).toBe('mine\ntheirs');
    session.destroy();
  });

  test('of what two people did at once no word is lost', () => {
    const { session, rich } = page();
    const wins = rich('wins');
    wins.editor.commands.setContent({
      type: 'doc',
      content: [{ type: 'codeBlock', content: [{ type: 'text', text: 'let x' }] }],
    });
    remote(session, (doc) => {
      const [code] = doc.getXmlFragment('wins').toArray() as [Y.XmlElement];
      (code.get(0) as Y.XmlText).format(0, 3, { bold: {} });
    });
    expect(wins.plain()).toBe('let x');
    expect(wins.editor.getJSON().content?.[0]?.type).toBe('codeBlock');
    session.destroy();
  });
});
