import { describe, expect, test, vi } from 'vitest';
import * as Y from 'yjs';
import { Authors, piecesOfRemark, piecesOfSuggestions, type Piece } from '../../src/editor/desk/authors';
import type { Attribution } from '../../src/editor/desk/remote';

const ADA = { id: 'ada', displayName: 'Ada Lindqvist' };
const EVE = { id: 'eve', displayName: 'Eve Moss' };
const signed = { author: 'ada', name: 'Ada Lindqvist' };

/** Two people at one document, and what the server would say of them. */
function pair() {
  const [ada, eve] = [new Y.Doc(), new Y.Doc()];
  const meet = (): void => {
    Y.applyUpdate(eve, Y.encodeStateAsUpdate(ada));
    Y.applyUpdate(ada, Y.encodeStateAsUpdate(eve));
  };
  const told = (): Attribution => ({
    users: [ADA, EVE],
    ranges: [
      { client: ada.clientID, from: 0, to: Y.getState(ada.store, ada.clientID), user: 'ada' },
      { client: eve.clientID, from: 0, to: Y.getState(eve.store, eve.clientID), user: 'eve' },
    ],
  });
  /** What somebody else sees, who has asked. */
  const seen = (pieces: readonly Piece[], by = signed) => {
    const authors = new Authors({
      client: 1,
      me: { id: 'me', name: 'Me' },
      ask: () => Promise.resolve(told()),
      onchange: () => undefined,
    });
    authors.tell(told());
    const signature = authors.judge(pieces, by, 'Somebody');
    authors.stop();
    return signature;
  };
  return { ada, eve, meet, told, seen };
}

function remark(doc: Y.Doc, id: string, author: string, authorName: string): void {
  const body = new Y.Text('Say when.');
  doc.getMap('comments').set(id, new Y.Map(Object.entries({ body, author, authorName, quote: 'q', resolvedBy: null })));
}

describe('remarks', () => {
  const pieces = (doc: Y.Doc, id = 'r') => piecesOfRemark(doc.getMap('comments'), id);

  test('one’s own name is known, also when somebody else resolves it', () => {
    const { ada, eve, meet, seen } = pair();
    remark(ada, 'r', 'ada', 'Ada L.');
    meet();
    (eve.getMap('comments').get('r') as Y.Map<unknown>).set('resolvedBy', 'eve');
    meet();
    // As the server calls her now, not as she was called when she wrote it.
    expect(seen(pieces(ada), { author: 'ada', name: 'Ada L.' })).toMatchObject({
      kind: 'known',
      names: ['Ada Lindqvist'],
    });
  });
  test('a name that somebody else wrote is not believed', () => {
    const { ada, eve, meet, seen } = pair();
    remark(eve, 'r', 'ada', 'Ada Lindqvist');
    meet();
    expect(seen(pieces(ada))).toEqual({ kind: 'differs', names: ['Eve Moss'], signed: 'Ada Lindqvist' });
  });
  test.each([
    ['its words', (map: Y.Map<unknown>) => (map.get('body') as Y.Text).insert(4, 'nothing, or ')],
    ['all its words', (map: Y.Map<unknown>) => map.set('body', new Y.Text('Never.'))],
    ['whose it is', (map: Y.Map<unknown>) => map.set('author', 'eve')],
    ['what it is about', (map: Y.Map<unknown>) => map.set('quote', 'else')],
  ])('somebody else has changed %s', (_, how) => {
    const { ada, eve, meet, seen } = pair();
    remark(ada, 'r', 'ada', 'Ada Lindqvist');
    meet();
    how(eve.getMap('comments').get('r') as Y.Map<unknown>);
    meet();
    const signature = seen(pieces(ada));
    expect(signature.kind).toBe('differs');
    expect([...signature.names].sort()).toEqual(['Ada Lindqvist', 'Eve Moss']);
  });
});

describe('suggestions', () => {
  const mark = (id: string) => ({ id, author: 'ada', name: 'Ada Lindqvist', at: '2026-11-21T10:00:00Z' });
  function text(doc: Y.Doc): Y.XmlText {
    return (doc.getXmlFragment('body').get(0) as Y.XmlElement).get(0) as Y.XmlText;
  }
  function written() {
    const both = pair();
    const paragraph = new Y.XmlElement('paragraph');
    paragraph.insert(0, [new Y.XmlText('Indexes help a lot.')]);
    both.ada.getXmlFragment('body').insert(0, [paragraph]);
    both.meet();
    return both;
  }
  const pieces = (doc: Y.Doc, id: string) => piecesOfSuggestions(doc.getXmlFragment('body')).get(id) ?? [];

  test('words that are put in, and words that are to go, are theirs who suggest it', () => {
    const { ada, eve, meet, seen } = written();
    text(eve).insert(7, ' may', { insertion: { ...mark('in'), author: 'eve' } });
    text(eve).format(0, 7, { deletion: { ...mark('out'), author: 'eve' } });
    meet();
    for (const id of ['in', 'out'])
      expect(seen(pieces(ada, id), { author: 'eve', name: 'Eve' })).toMatchObject({
        kind: 'known',
        names: ['Eve Moss'],
      });
  });
  test.each([
    ['put in', (of: Y.XmlText) => of.insert(7, ' never', { insertion: mark('s') })],
    ['to go', (of: Y.XmlText) => of.format(8, 4, { deletion: mark('s') })],
  ])('a forged name is seen: words %s', (_, how) => {
    const { ada, eve, meet, seen } = written();
    how(text(eve));
    meet();
    expect(seen(pieces(ada, 's'))).toMatchObject({ kind: 'differs', names: ['Eve Moss'] });
  });
  test.each([
    ['more is to go', (of: Y.XmlText) => of.format(0, 19, { deletion: mark('s') })],
    ['the same mark elsewhere', (of: Y.XmlText) => of.format(15, 3, { deletion: mark('s') })],
    ['words among those put in', (of: Y.XmlText) => of.insert(22, 'NOT', { insertion: mark('t') })],
  ])('somebody adds to what another has suggested: %s', (_, how) => {
    const { ada, eve, meet, seen } = written();
    text(ada).format(8, 4, { deletion: mark('s') });
    text(ada).insert(19, ' Always.', { insertion: mark('t') });
    meet();
    for (const id of ['s', 't']) expect(seen(pieces(ada, id)).kind).toBe('known');
    how(text(eve));
    meet();
    expect([seen(pieces(ada, 's')).kind, seen(pieces(ada, 't')).kind]).toContain('differs');
  });
});

test('the server is asked once for all that is new, and not for what this page wrote', async () => {
  vi.useFakeTimers();
  try {
    let told: Attribution = { users: [], ranges: [] };
    const ask = vi.fn(() => Promise.resolve(told));
    const onchange = vi.fn();
    const authors = new Authors({ client: 7, me: { id: 'ada', name: 'Ada' }, ask, onchange });
    const piece = (client: number, to: number): Piece => ({ client, from: 0, to });
    const judge = (client: number, to: number) => authors.judge([piece(client, to)], signed, 'Somebody').kind;
    expect(judge(7, 3)).toBe('known');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ask).not.toHaveBeenCalled();

    told = { users: [EVE], ranges: [{ client: 8, from: 0, to: 5, user: 'eve' }] };
    for (let to = 1; to <= 5; to += 1) expect(judge(8, to)).toBe('pending');
    await vi.advanceTimersByTimeAsync(10);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(onchange).toHaveBeenCalledTimes(1);
    for (let to = 1; to <= 5; to += 1) expect(judge(8, to)).toBe('differs');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ask).toHaveBeenCalledTimes(1);

    // What the server does not know is said to be so, and asked for again much later.
    expect(judge(9, 2)).toBe('pending');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(judge(9, 2)).toBe('open');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(ask).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(60_000);
    told = { users: [ADA], ranges: [{ client: 9, from: 0, to: 2, user: 'ada' }] };
    expect(judge(9, 2)).toBe('open');
    await vi.advanceTimersByTimeAsync(10);
    expect(judge(9, 2)).toBe('known');
    authors.stop();
  } finally {
    vi.useRealTimers();
  }
});
