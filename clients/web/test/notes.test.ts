import { describe, expect, test } from 'vitest';
import { address, mayType, nameOf, peersOf, seriesOf, statusOf, type Line } from '../src/editor/status';

const line = (change: Partial<Line> = {}): Line => ({
  connected: true,
  tried: true,
  scope: 'read-write',
  denied: false,
  unsynced: 0,
  loaded: true,
  ...change,
});

describe('what an editor says about itself', () => {
  test('saved only when the server has said so on this very connection', () => {
    expect(statusOf(line(), false)).toBe('saved');
    expect(statusOf(line({ unsynced: 1 }), true)).toBe('saving');
    expect(statusOf(line({ scope: null }), false)).toBe('connecting');
    expect(statusOf(line({ loaded: false }), false)).toBe('connecting');
    expect(statusOf(line({ connected: false }), false)).toBe('offline');
    expect(statusOf(line({ connected: false }), true)).toBe('offlineUnsaved');
    expect(statusOf(line({ connected: false }), true, true)).toBe('offlineKept');
    // What is on the disk is no more than that, even on a line that has just come back.
    expect(statusOf(line({ unsynced: 1 }), true, true)).toBe('saving');
    expect(statusOf(line({ connected: false, tried: false }), false, true)).toBe('connecting');
  });
  test('a right that went away, with and without words that were lost by it', () => {
    expect(statusOf(line({ scope: 'readonly' }), false)).toBe('reading');
    expect(statusOf(line({ scope: 'readonly', unsynced: 1 }), true)).toBe('lost');
    expect(statusOf(line({ denied: true }), true)).toBe('closed');
  });
  test('nobody types before the text is there, and offline one may go on', () => {
    expect(mayType(line({ loaded: false }), true)).toBe(false);
    expect(mayType(line({ connected: false }), true)).toBe(true);
    expect(mayType(line(), false)).toBe(false);
    expect(mayType(line({ denied: true }), true)).toBe(false);
  });
});

test('addresses are of the web or of mail', () => {
  expect(address('example.org/a?b=c')).toBe('https://example.org/a?b=c');
  expect(address(' http://example.org ')).toBe('http://example.org/');
  expect(address('localhost:8080/x')).toBe('https://localhost:8080/x');
  expect(address('mira@example.org')).toBe('mailto:mira@example.org');
  for (const bad of ['', 'two words', 'javascript:alert(1)', 'data:text/html,x', 'https://'])
    expect(address(bad), bad).toBeNull();
});

test('what peers say about themselves is made harmless', () => {
  expect(nameOf('  Bo\u202e\u0000 ')).toBe('Bo');
  expect(nameOf({})).toBe('?');
  expect([...nameOf('x'.repeat(500))]).toHaveLength(40);
  expect([seriesOf(0), seriesOf(5), seriesOf(6), seriesOf('red'), seriesOf(-1)]).toEqual([1, 6, 1, 1, 1]);
  const states = new Map<number, Record<string, unknown>>([
    [1, { user: { name: 'me' } }],
    [3, { user: { name: 'Cy' } }],
    [2, { user: { name: 'Bo' } }],
    [4, {}],
  ]);
  expect(peersOf(states, 1).map((peer) => peer.name)).toEqual(['Bo', 'Cy']);
});
