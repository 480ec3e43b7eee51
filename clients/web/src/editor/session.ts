/**
 * A shared document as a page has it: the Yjs document, the line to the server, what is kept on this device, who else is
 * here, and one undo for all fields. Any number of fields are bound to it.
 */
import type { AnyExtension } from '@tiptap/core';
import { HocuspocusProvider, WebSocketStatus } from '@hocuspocus/provider';
import { defaultDeleteFilter, defaultProtectedNodes, ySyncPluginKey } from '@tiptap/y-tiptap';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Draft, flag, flagged, keyOf, unflag, type Owner } from './drafts';
import { Pulse } from './pulse.svelte';
import type { RichField } from './rich';
import { mayType, peersOf, statusOf, type Line, type Peer, type Status } from './status';

export interface SessionOptions {
  /** The document's name, as the API gives it. */
  document: string;
  /** For each connection anew. */
  token: () => Promise<string>;
  /** Under which name the caret is shown to others, and remarks are signed. */
  name: string;
  /** The right at the time of asking; the server says it again on each connection. */
  mayWrite: boolean;
  /** Keeps what is written on this device until the server has it; only for those who are signed in. */
  owner?: Owner | undefined;
}

/** What a field tells the session of itself. */
export interface Field {
  /** Is this change one of mine? */
  holds(types: ReadonlyMap<unknown, unknown>): boolean;
  focus(): void;
  /** For whoever wants to copy what cannot be saved any more. */
  plain(): string;
}

/** What the server tells editors besides the document. */
export interface Word {
  type: string;
  [key: string]: unknown;
}

/** What comes to a page of the studio besides the text: see desk/desk.ts. */
export interface Extras {
  extensions(field: () => RichField): AnyExtension[];
  left(field: RichField): void;
}

/** How long the page waits for the browser's store before it goes without. */
const STORE_WITHIN = 3_000;
/** How long until the next attempt when nobody says whether this person may come in. */
const RETRY = 4_000;

export class DocumentSession {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  readonly options: SessionOptions;
  readonly undo: Y.UndoManager;
  /** Set before the first field is made. */
  extras: Extras | null = null;
  /** The origin of changes to maps and short texts that undo shall know. */
  readonly mine = Symbol('mine');
  #provider: HocuspocusProvider | null = null;
  #draft: Draft | null = null;
  #inherited: string[] = [];
  #line: Line = { connected: false, tried: false, scope: null, denied: false, unsynced: 0, loaded: false };
  #right: boolean;
  #dirty = false;
  #over = false;
  #unanswered = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #peers: Peer[] = [];
  #rich: RichField | null = null;
  #toolbar: (() => void) | null = null;
  readonly #fields = new Set<Field>();
  readonly #words = new Set<(word: Word) => void>();
  readonly #pulse = new Pulse();

  constructor(options: SessionOptions) {
    this.options = options;
    this.#right = options.mayWrite;
    this.undo = new Y.UndoManager(this.doc, {
      trackedOrigins: new Set<unknown>([ySyncPluginKey, this.mine]),
      deleteFilter: (item) => defaultDeleteFilter(item, defaultProtectedNodes),
      captureTransaction: (change) => change.meta.get('addToHistory') !== false,
    });
    this.undo.on('stack-item-popped', ({ changedParentTypes }) => {
      // What is undone is seen: the caret goes to the field where it happens.
      for (const field of this.#fields) if (field.holds(changedParentTypes)) return field.focus();
    });
    this.awareness.setLocalStateField('user', { name: options.name, id: this.doc.clientID });
    this.awareness.on('change', () => {
      this.#peers = peersOf(this.awareness.getStates(), this.doc.clientID);
      this.changed();
    });
    this.doc.on('update', this.#updated);
    addEventListener('beforeunload', this.#leaving);
    void this.#open();
  }

  async #open(): Promise<void> {
    const { owner, document } = this.options;
    if (owner) {
      const kept = this.#load(keyOf(owner, document)).catch(() => null);
      const late = new Promise<null>((late) => setTimeout(late, STORE_WITHIN, null));
      await Promise.race([kept, late]);
    }
    if (!this.#over) this.#connect();
  }

  async #load(key: string): Promise<void> {
    const draft = await Draft.open(key, () => this.changed());
    const updates = await draft.read();
    if (this.#over) return draft.close();
    for (const update of updates) Y.applyUpdate(this.doc, update, draft);
    if (updates.length > 0) draft.replace(Y.encodeStateAsUpdate(this.doc));
    // What came while the store was being opened.
    if (this.#line.loaded) draft.add(Y.encodeStateAsUpdate(this.doc), this.#dirty ? this.doc.clientID : null);
    if (this.#dirty) flag(key, this.doc.clientID);
    this.#draft = draft;
    this.#inherited = flagged(key);
    this.#dirty ||= draft.waiting || this.#inherited.length > 0;
    this.#set(updates.length > 0 ? { loaded: true } : {});
  }

  #connect(): void {
    this.#provider = new HocuspocusProvider({
      url: `${location.origin.replace(/^http/, 'ws')}/collab/hocuspocus`,
      name: this.options.document,
      document: this.doc,
      awareness: this.awareness,
      token: this.#token,
      onStatus: ({ status }) => {
        const connected = status === WebSocketStatus.Connected;
        if (!connected) this.#line.scope = null;
        this.#set(status === WebSocketStatus.Connecting ? { connected } : { connected, tried: true });
      },
      onAuthenticated: ({ scope }) => {
        this.#right = scope === 'read-write';
        this.#set({ scope: this.#right ? 'read-write' : 'readonly', denied: false });
      },
      onAuthenticationFailed: () => this.#refused(),
      onSynced: () => this.#set({ loaded: true }),
      onUnsyncedChanges: ({ number }) => {
        if (number === 0 && this.#line.scope) this.#sent();
        this.#set({ unsynced: number });
      },
      onStateless: ({ payload }) => this.#heard(payload),
    });
  }

  /** No answer is no refusal: only the server may say that there is nothing here for this person. */
  #token = async (): Promise<string> => {
    this.#unanswered = false;
    try {
      return await this.options.token();
    } catch (error) {
      const code = (error as { code?: string } | null)?.code ?? 'unreachable';
      this.#unanswered = ['unreachable', 'rate_limited', 'internal', 'unavailable'].includes(code);
      throw error;
    }
  };

  #refused(): void {
    if (!this.#unanswered) return this.#set({ denied: true });
    this.#provider?.disconnect();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#provider?.connect(), RETRY * (1 + Math.random()));
  }

  #updated = (update: Uint8Array, origin: unknown): void => {
    const foreign = origin === this.#provider || origin === this.#draft;
    if (origin !== this.#draft) this.#draft?.add(update, foreign ? null : this.doc.clientID);
    if (foreign) return;
    if (this.#draft && !this.#dirty) flag(this.#draft.key, this.doc.clientID);
    this.#dirty = true;
    this.changed();
  };

  /** Everything that was written here, on this page or before, is on the server. */
  #sent(): void {
    const had = this.#dirty;
    this.#dirty = false;
    if (!this.#draft || !had) return;
    this.#draft.sent(this.doc.clientID);
    unflag([...this.#inherited, ...flagged(this.#draft.key).filter((name) => name.endsWith(`/${this.doc.clientID}`))]);
    this.#inherited = [];
  }

  #heard(payload: string): void {
    try {
      const word = JSON.parse(payload) as Word;
      if (typeof word?.type === 'string') for (const each of this.#words) each(word);
    } catch {
      // A word in another tongue is not for us.
    }
  }

  /** Hears what the server says, such as `materialised`, `frozen`, `version`; gives back how to stop. */
  hear(listener: (word: Word) => void): () => void {
    this.#words.add(listener);
    return () => this.#words.delete(listener);
  }

  /** Something that is shown has changed. */
  changed(): void {
    if (!this.#over) this.#pulse.beat();
  }

  /** Reads in an effect or a template are repeated when something has changed. */
  track(): void {
    this.#pulse.track();
  }

  get status(): Status {
    this.track();
    return statusOf(this.#line, this.#dirty, this.#draft?.kept ?? false);
  }

  get loaded(): boolean {
    this.track();
    return this.#line.loaded;
  }

  get editable(): boolean {
    this.track();
    return mayType(this.#line, this.#right);
  }

  /** Something was written here that the server has not. */
  get dirty(): boolean {
    this.track();
    return this.#dirty;
  }

  get peers(): readonly Peer[] {
    this.track();
    return this.#peers;
  }

  get name(): string {
    return this.options.name;
  }

  /** The rich field that the toolbar is for: the one that has, or last had, the caret. */
  get rich(): RichField | null {
    this.track();
    return this.#rich;
  }

  set rich(field: RichField | null) {
    if (this.#rich === field) return;
    this.#rich = field;
    this.changed();
  }

  /** Keeps a field until the returned function is called. */
  join(field: Field): () => void {
    this.#fields.add(field);
    return () => this.#fields.delete(field);
  }

  /** One step of undo stays in one field. */
  entered(): void {
    this.undo.stopCapturing();
  }

  can(what: 'undo' | 'redo'): boolean {
    this.track();
    return this.editable && (what === 'undo' ? this.undo.canUndo() : this.undo.canRedo());
  }

  /** Undoes only what was written on this page. */
  step(what: 'undo' | 'redo'): void {
    if (!this.can(what)) return;
    if (what === 'undo') this.undo.undo();
    else this.undo.redo();
    this.changed();
  }

  /** Changes maps and texts as one step of undo. */
  change(how: () => void): void {
    if (this.editable) this.doc.transact(how, this.mine);
  }

  /** Who shows the toolbar says how it gets the keyboard. */
  set toolbar(focus: (() => void) | null) {
    this.#toolbar = focus;
  }

  toToolbar(): void {
    this.#toolbar?.();
  }

  /** The text of all fields that are shown. */
  plain(): string {
    return [...this.#fields]
      .map((field) => field.plain())
      .filter(Boolean)
      .join('\n\n');
  }

  /** Gives up what is kept on this device: the next session shows what the server has. */
  async forget(): Promise<void> {
    const draft = this.#draft;
    this.#draft = null;
    this.#dirty = false;
    await draft?.drop().catch(() => undefined);
  }

  destroy(): void {
    this.#over = true;
    clearTimeout(this.#retry);
    removeEventListener('beforeunload', this.#leaving);
    this.doc.off('update', this.#updated);
    if (this.#provider) this.#provider.destroy();
    else this.awareness.destroy();
    this.undo.destroy();
    this.doc.destroy();
    this.#draft?.close();
  }

  #leaving = (event: BeforeUnloadEvent): void => {
    if (this.#dirty && !this.#draft?.kept && !this.#line.denied) event.preventDefault();
  };

  #set(change: Partial<Line>): void {
    if (this.#over) return;
    Object.assign(this.#line, change);
    this.changed();
  }
}
