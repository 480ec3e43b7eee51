/** A shared document without a line, and what the API says of plans and summaries. */
import type { BuilderSession, BuilderSessionRow, Summary } from '@atelier/sdk';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { createSubscriber } from 'svelte/reactivity';
import type { DocumentSession, Word } from '../../editor/session';
import { AT } from './fakes';

/** As much of a session as fields need; what two of them write is exchanged by `meet`. */
export class LocalSession {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  readonly mine = Symbol('mine');
  readonly undo = new Y.UndoManager(this.doc, { trackedOrigins: new Set<unknown>([this.mine]) });
  readonly words = new Set<(word: Word) => void>();
  status = 'saved';
  loaded = true;
  editable = true;
  dirty = false;
  peers = [];
  rich = null;
  name = 'Mira Okafor';
  toolbar: unknown = null;
  #update: (() => void) | null = null;
  readonly track = createSubscriber((update) => {
    this.#update = update;
    return () => (this.#update = null);
  });

  change(how: () => void): void {
    if (this.editable) this.doc.transact(how, this.mine);
  }
  entered(): void {
    this.undo.stopCapturing();
  }
  changed(): void {
    this.#update?.();
  }
  hear(listener: (word: Word) => void): () => void {
    this.words.add(listener);
    return () => this.words.delete(listener);
  }
  say(word: Word): void {
    for (const listener of this.words) listener(word);
  }
  join(): () => void {
    return () => undefined;
  }
  can(): boolean {
    return false;
  }
  step(what: 'undo' | 'redo'): void {
    if (what === 'undo') this.undo.undo();
    else this.undo.redo();
  }
  plain(): string {
    return '';
  }
  destroy(): void {
    this.awareness.destroy();
    this.doc.destroy();
  }

  get session(): DocumentSession {
    return this as unknown as DocumentSession;
  }
}

/** Both know what the other has written. */
export function meet(a: Y.Doc, b: Y.Doc): void {
  const [ofA, ofB] = [Y.encodeStateAsUpdate(a), Y.encodeStateAsUpdate(b)];
  Y.applyUpdate(a, ofB);
  Y.applyUpdate(b, ofA);
}

/** An agenda as the server makes it. */
export function agenda(doc: Y.Doc, titles: readonly string[]): void {
  const list = doc.getMap('agenda');
  for (const [i, title] of titles.entries()) {
    const item = new Y.Map<unknown>();
    item.set('order', `a${i}`);
    item.set('title', new Y.Text(title));
    item.set('description', new Y.XmlFragment());
    item.set('notes', new Y.XmlFragment());
    item.set('durationMinutes', 10 * (i + 1));
    list.set(`id-${i}`, item);
  }
}

export function plan(change: Partial<BuilderSession> = {}): BuilderSession {
  return {
    id: 'b1',
    document: 'builder_session:b1',
    title: 'Postgres in anger',
    subtitle: null,
    audience: 'Developers',
    objective: 'Read a plan',
    status: 'draft',
    scheduledAt: null,
    durationMinutes: null,
    agenda: [],
    lockVersion: 3,
    mayEdit: true,
    mayInvite: true,
    createdBy: { id: 'u1', displayName: 'Mira Okafor' },
    createdAt: AT,
    updatedAt: AT,
    documentState: { clean: true, error: null, frozenAt: null },
    ...change,
  };
}

export function planRow(change: Partial<BuilderSessionRow> = {}): BuilderSessionRow {
  const { id, document, title, subtitle, status, scheduledAt, durationMinutes, mayEdit, createdBy, createdAt } = plan();
  const row = { id, document, title, subtitle, status, scheduledAt, durationMinutes, mayEdit, createdBy, createdAt };
  return { ...row, agendaItems: 0, updatedAt: AT, ...change };
}

export function summary(change: Partial<Summary> = {}): Summary {
  return {
    id: 'z1',
    document: 'summary:z1',
    client: { id: 'c1', name: 'Noor Haddad' },
    sessionDate: '2026-05-04',
    liveSession: null,
    status: 'in_refinement',
    wins: null,
    challenges: null,
    recommendations: null,
    actions: [],
    edited: null,
    approvedAt: null,
    mayEdit: true,
    mayApprove: true,
    createdAt: AT,
    updatedAt: AT,
    documentState: { clean: true, error: null, frozenAt: null },
    ...change,
  };
}
