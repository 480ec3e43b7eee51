/** A short text of a session's document in an input or a textarea: only what is typed is changed. */
import * as Y from 'yjs';
import { difference, through, type Step } from './difference';
import type { DocumentSession, Field } from './session';
import { nameOf, seriesOf } from './status';

type Box = HTMLInputElement | HTMLTextAreaElement;

/** Somebody else's caret in the text. */
export interface Caret {
  id: number;
  name: string;
  series: number;
  at: number;
}

export class ShortText implements Field {
  readonly session: DocumentSession;
  readonly text: Y.Text;
  readonly #box: Box;
  readonly #onchange: (value: string, carets: Caret[]) => void;
  readonly #leave: () => void;
  #writing = false;
  /** What came while a word was being composed; the box is not touched before its end. */
  #waiting: (readonly Step[])[] | null = null;
  #shown = '';

  constructor(
    session: DocumentSession,
    text: Y.Text,
    box: Box,
    onchange: (value: string, carets: Caret[]) => void = () => undefined,
  ) {
    this.session = session;
    this.text = text;
    this.#box = box;
    this.#onchange = onchange;
    this.#shown = box.value = this.#value();
    text.observe(this.#changed);
    session.awareness.on('change', this.#look);
    for (const [name, listener] of this.#listeners) box.addEventListener(name, listener);
    document.addEventListener('selectionchange', this.#point);
    this.#leave = session.join(this);
    this.#look();
  }

  readonly #listeners: [string, (event: Event) => void][] = [
    ['input', () => this.#typed()],
    ['compositionstart', () => (this.#waiting ??= [])],
    ['compositionend', () => this.#composed()],
    ['focus', () => (this.session.entered(), this.#point())],
    ['blur', () => this.#point()],
    ['beforeinput', (event) => this.#before(event as InputEvent)],
    ['keydown', (event) => this.#keydown(event as KeyboardEvent)],
  ];

  /** The text as the box can show it, with all places where they are. */
  #value(): string {
    const text = this.text.toString();
    return this.#box instanceof HTMLInputElement ? text.replace(/[\r\n]/g, ' ') : text.replace(/\r/g, ' ');
  }

  /** The box's own undo would take back other people's words. */
  #before(event: InputEvent): void {
    if (event.inputType !== 'historyUndo' && event.inputType !== 'historyRedo') return;
    event.preventDefault();
    this.session.step(event.inputType === 'historyUndo' ? 'undo' : 'redo');
  }

  #keydown(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== 'z' && key !== 'y') return;
    event.preventDefault();
    this.session.step(key === 'z' && !event.shiftKey ? 'undo' : 'redo');
  }

  #typed(): void {
    if (this.#waiting) return;
    const value = this.#box.value;
    const change = difference(this.#shown, value, this.#box.selectionEnd ?? value.length);
    if (change) this.#write(change.at, change.remove, change.insert);
    // The same as is there already, unless the right to write went away this very moment.
    this.#put(this.#value(), change?.at ?? 0, change?.at ?? 0);
  }

  #composed(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    const value = this.#box.value;
    const change = difference(this.#shown, value, this.#box.selectionEnd ?? value.length);
    let caret = this.#box.selectionEnd ?? value.length;
    if (change) {
      // Where it is meant to be after what others wrote meanwhile.
      const at = waiting.reduce((place, steps) => through(place, steps), change.at);
      const end = waiting.reduce((place, steps) => through(place, steps), change.at + change.remove);
      this.#write(at, Math.max(end - at, 0), change.insert);
      caret = at + change.insert.length;
    }
    this.#put(this.#value(), caret, caret);
  }

  #write(at: number, remove: number, insert: string): void {
    this.#writing = true;
    this.session.change(() => {
      if (remove > 0) this.text.delete(at, remove);
      if (insert) this.text.insert(at, insert);
    });
    this.#writing = false;
    this.#point();
  }

  #changed = (event: Y.YTextEvent): void => {
    if (this.#writing) return;
    const steps = event.delta as Step[];
    if (this.#waiting) return void this.#waiting.push(steps);
    const { selectionStart, selectionEnd } = this.#box;
    this.#put(this.#value(), through(selectionStart ?? 0, steps), through(selectionEnd ?? 0, steps));
  };

  #put(value: string, start: number, end: number): void {
    this.#shown = value;
    if (this.#box.value !== value) {
      const here = document.activeElement === this.#box;
      const top = this.#box.scrollTop;
      this.#box.value = value;
      // Setting it would take the keyboard in some browsers.
      if (here) this.#box.setSelectionRange(start, end);
      this.#box.scrollTop = top;
    }
    this.#say();
  }

  /** Shows others where the caret is. */
  #point = (): void => {
    const { awareness } = this.session;
    const state = awareness.getLocalState();
    if (!state) return;
    if (document.activeElement === this.#box) {
      const place = (at: number | null) =>
        Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.text, at ?? 0));
      const cursor = { anchor: place(this.#box.selectionStart), head: place(this.#box.selectionEnd) };
      if (JSON.stringify(cursor) !== JSON.stringify(state.cursor)) awareness.setLocalStateField('cursor', cursor);
    } else if (state.cursor && this.#at((state.cursor as { head?: unknown }).head) !== null)
      awareness.setLocalStateField('cursor', null);
  };

  #at(json: unknown): number | null {
    try {
      const place = Y.createAbsolutePositionFromRelativePosition(
        Y.createRelativePositionFromJSON(json),
        this.session.doc,
      );
      return place?.type === this.text ? place.index : null;
    } catch {
      // Anybody may send anything as a caret.
      return null;
    }
  }

  #look = (): void => this.#say();

  #say(): void {
    const carets: Caret[] = [];
    for (const [id, state] of this.session.awareness.getStates()) {
      if (id === this.session.doc.clientID || !state.user || !state.cursor) continue;
      const at = this.#at((state.cursor as { head?: unknown }).head);
      if (at !== null)
        carets.push({ id, at, name: nameOf((state.user as { name?: unknown }).name), series: seriesOf(id) });
    }
    this.#onchange(
      this.#box.value,
      carets.sort((a, b) => a.at - b.at),
    );
  }

  holds(types: ReadonlyMap<unknown, unknown>): boolean {
    return types.has(this.text);
  }

  focus(): void {
    this.#box.focus();
  }

  plain(): string {
    return this.#box.value;
  }

  destroy(): void {
    this.#leave();
    this.text.unobserve(this.#changed);
    this.session.awareness.off('change', this.#look);
    for (const [name, listener] of this.#listeners) this.#box.removeEventListener(name, listener);
    document.removeEventListener('selectionchange', this.#point);
    if (document.activeElement === this.#box) this.session.awareness.setLocalStateField('cursor', null);
  }
}
