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
  const rich = (path: string, onunknown = vi.fn()) => {
    const element = document.createElement('div');
    document.body.append(element);
    const fragment = session.doc.getXmlFragment(path);
    const options = { element, fragment, path, label: path, plainPaste: false, taskLabel: (text: string) => text };
    return new RichField(session, { ...options, onunknown });
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
