// Random histories of real Yjs clients, and a real Yjs client that checks what the server made of them.
//
//   node histories.mjs make SEED COUNT [STEPS]   writes histories to the standard output
//   node histories.mjs check                     reads states and what they should show from the standard input
//
// A file of histories: a count, then for each a count of updates, the updates in the order in which they were sent, and
// as JSON what the document shows in the end. For `check`: a count, then for each an update and that JSON. All numbers
// are varUint, all else has its length before it, as in lib0.
import { isDeepStrictEqual } from 'node:util';
import * as Y from 'yjs';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

function random(seed) {
  let state = seed >>> 0 || 1;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (bound) => Math.floor(next() * bound);
  return { below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}

const WORDS = ['a', 'bc', ' ', 'workshop', 'Größe', '😀', '👩‍👩‍👧', 'é', '日本', '\n', 'x'];
const MARKS = [
  { bold: {} },
  { bold: null },
  { italic: {} },
  { link: { href: 'https://example.org/?a=1' } },
  { link: null },
];
const VALUES = [null, true, false, 0, -1, 63, 64, 1.5, 1e20, 2 ** 40, '', 'word', [1, [2, 'x']], { a: { b: null } }];

/** Where text may be cut: never inside of a character. */
function cuts(text) {
  const places = [0];
  for (const { insert } of text.toDelta()) {
    const parts = typeof insert === 'string' ? [...insert] : [' '];
    for (const part of parts) places.push(places.at(-1) + part.length);
  }
  return places;
}

function stretch(text, dice) {
  const places = cuts(text);
  const first = dice.below(places.length);
  const last = Math.min(places.length - 1, first + 1 + dice.below(6));
  return [places[first], places[last] - places[first]];
}

function editText(text, dice) {
  const kind = dice.below(12);
  const [at, length] = stretch(text, dice);
  if (kind < 6) text.insert(at, dice.pick(WORDS), dice.chance(0.2) ? dice.pick(MARKS) : undefined);
  else if (kind < 8 && length > 0) text.delete(at, length);
  else if (kind < 11 && length > 0) text.format(at, length, dice.pick(MARKS));
  else if (kind === 11 && dice.chance(0.3)) text.insertEmbed(at, { image: 'a.png' });
}

function value(dice) {
  const kind = dice.below(12);
  if (kind === 0) return new Y.Text(dice.pick(WORDS));
  if (kind === 1) return new Y.Map([['name', dice.pick(WORDS)]]);
  if (kind === 2) return Y.Array.from([1, 'two']);
  if (kind === 3) return new Uint8Array([1, 2, 255]);
  return dice.pick(VALUES);
}

function editMap(map, dice) {
  const key = dice.pick(['a', 'b', 'c', 'd']);
  const inner = map.get(key);
  if (inner instanceof Y.AbstractType && dice.chance(0.6)) edit(inner, dice);
  else if (dice.chance(0.2)) map.delete(key);
  else map.set(key, value(dice));
}

function editList(list, dice) {
  const at = dice.below(list.length + 1);
  const inner = at < list.length ? list.get(at) : undefined;
  if (inner instanceof Y.AbstractType && dice.chance(0.6)) edit(inner, dice);
  else if (at < list.length && dice.chance(0.3)) list.delete(at, 1 + dice.below(Math.min(3, list.length - at)));
  else list.insert(at, dice.chance(0.3) ? [value(dice), value(dice)] : [value(dice)]);
}

function node(dice, depth) {
  const name = dice.pick(['paragraph', 'heading', 'blockquote', 'hardBreak']);
  const element = new Y.XmlElement(name);
  if (name === 'heading') element.setAttribute('level', 1 + dice.below(3));
  if (name === 'blockquote' && depth < 4) element.insert(0, [node(dice, depth + 1)]);
  else if (name !== 'hardBreak') element.insert(0, [new Y.XmlText(dice.pick(WORDS))]);
  return element;
}

function editBody(body, dice, depth = 0) {
  const at = dice.below(body.length + 1);
  const child = at < body.length ? body.get(at) : undefined;
  if (child instanceof Y.XmlText) editText(child, dice);
  else if (child !== undefined && dice.chance(0.7)) {
    if (dice.chance(0.2)) child.setAttribute(dice.pick(['level', 'textAlign']), dice.pick([1, 2, 'left', null, true]));
    else editBody(child, dice, depth + 1);
  } else if (child !== undefined && dice.chance(0.3)) body.delete(at, 1);
  else if (depth > 0 && dice.chance(0.5)) body.insert(at, [new Y.XmlText(dice.pick(WORDS))]);
  else if (depth < 5) body.insert(at, [node(dice, depth)]);
}

function edit(type, dice) {
  if (type instanceof Y.XmlFragment) editBody(type, dice);
  else if (type instanceof Y.Text) editText(type, dice);
  else if (type instanceof Y.Map) editMap(type, dice);
  else if (type instanceof Y.Array) editList(type, dice);
}

const roots = (doc) => [doc.getText('text'), doc.getXmlFragment('body'), doc.getMap('map'), doc.getArray('list')];

/** What can be seen in a document, without what only history knows. */
function view(doc) {
  const [text, body, map, list] = roots(doc);
  return { text: runs(text), body: body.toArray().map(show), map: show(map).map, list: show(list) };
}

function show(thing) {
  if (thing instanceof Y.XmlElement) {
    return { name: thing.nodeName, attrs: mapped(thing.getAttributes(), show), content: thing.toArray().map(show) };
  }
  if (thing instanceof Y.Text) return { text: runs(thing) };
  if (thing instanceof Y.Map) return { map: mapped(Object.fromEntries(thing.entries()), show) };
  if (thing instanceof Y.Array) return thing.toArray().map(show);
  if (thing instanceof Uint8Array) return { bytes: [...thing] };
  return thing === undefined ? null : thing;
}

const mapped = (object, change) =>
  Object.fromEntries(
    Object.keys(object)
      .sort()
      .map((key) => [key, change(object[key])]),
  );

function runs(text) {
  const joined = [];
  for (const { insert, attributes } of text.toDelta()) {
    const marks = mapped(attributes ?? {}, (mark) => mark);
    const last = joined.at(-1);
    const same = last && typeof last.insert === 'string' && JSON.stringify(last.marks) === JSON.stringify(marks);
    if (same && typeof insert === 'string') last.insert += insert;
    else joined.push({ insert, marks });
  }
  return joined;
}

/** One client: what it sent is in `sent`, what it made and did not send yet in `unsent`. */
class Client {
  constructor(id, room) {
    this.doc = new Y.Doc();
    this.doc.clientID = id;
    this.room = room;
    this.unsent = [];
    this.heard = 0;
    this.undo = new Y.UndoManager(roots(this.doc), { captureTimeout: 0, trackedOrigins: new Set(['me']) });
    this.doc.on('update', (update, origin) => {
      if (origin !== 'room') this.unsent.push(update);
    });
  }

  act(dice) {
    if (dice.chance(0.05)) this.undo.undo();
    else if (dice.chance(0.03)) this.undo.redo();
    else {
      this.doc.transact(() => {
        for (let left = 1 + dice.below(3); left > 0; left--) edit(dice.pick(roots(this.doc)), dice);
      }, 'me');
    }
  }

  send(dice) {
    if (this.unsent.length === 0) return;
    if (dice.chance(0.1)) {
      // Was away: the answer to the server's Step1, with all deletions there ever were.
      this.room.send(Y.encodeStateAsUpdate(this.doc, Y.encodeStateVector(this.room.doc)));
    } else if (this.unsent.length > 1 && dice.chance(0.3)) this.room.send(Y.mergeUpdates(this.unsent));
    else for (const update of this.unsent) this.room.send(update);
    this.unsent = [];
  }

  hear(most) {
    for (let left = most; left > 0 && this.heard < this.room.sent.length; left--) {
      Y.applyUpdate(this.doc, this.room.sent[this.heard++], 'room');
    }
  }
}

function history(seed, steps) {
  const dice = random(seed);
  const room = { doc: new Y.Doc(), sent: [] };
  room.send = (update) => {
    room.sent.push(update);
    Y.applyUpdate(room.doc, update, 'room');
  };
  // Every Yjs removes formats that have no text any more, and tells the others.
  room.doc.on('update', (update, origin) => {
    if (origin !== 'room') room.sent.push(update);
  });
  const clients = [1, 2, 3].map((number) => new Client(1 + dice.below(2 ** (number * 15)), room));
  for (let step = 0; step < steps; step++) {
    const client = dice.pick(clients);
    client.act(dice);
    if (dice.chance(0.6)) client.send(dice);
    if (dice.chance(0.5)) dice.pick(clients).hear(1 + dice.below(8));
  }
  do {
    for (const client of clients) client.send(dice);
    for (const client of clients) client.hear(Infinity);
  } while (clients.some((client) => client.unsent.length > 0 || client.heard < room.sent.length));
  const seen = JSON.stringify(view(room.doc));
  for (const client of clients) {
    if (JSON.stringify(view(client.doc)) !== seen) throw new Error(`Yjs itself did not converge, seed ${seed}`);
  }
  return { updates: room.sent, seen };
}

function make(seed, count, steps) {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, count);
  for (let number = 0; number < count; number++) {
    const { updates, seen } = history(seed * 100_003 + number, steps);
    encoding.writeVarUint(encoder, updates.length);
    for (const update of updates) encoding.writeVarUint8Array(encoder, update);
    encoding.writeVarString(encoder, seen);
  }
  process.stdout.write(encoding.toUint8Array(encoder));
}

async function check() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const decoder = decoding.createDecoder(Buffer.concat(chunks));
  const count = decoding.readVarUint(decoder);
  for (let number = 0; number < count; number++) {
    const doc = new Y.Doc();
    Y.applyUpdate(doc, decoding.readVarUint8Array(decoder));
    const expected = decoding.readVarString(decoder);
    const seen = JSON.stringify(view(doc));
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
      throw new Error(`${number}: something is missing`);
    if (!isDeepStrictEqual(JSON.parse(seen), JSON.parse(expected)))
      throw new Error(`${number}: shows\n${seen}\nand not\n${expected}`);
  }
  console.log(`${count} the same`);
}

const [mode, seed = '1', count = '10', steps = '60'] = process.argv.slice(2);
if (mode === 'make') make(Number(seed), Number(count), Number(steps));
else if (mode === 'check') await check();
else throw new Error('make or check?');
