/** The tools around the texts of a document in the studio: lists to choose from, images, remarks, suggestions, authors. */
import { Extension, type AnyExtension, type Editor } from '@tiptap/core';
import type { Node } from '@tiptap/pm/model';
import { Plugin, PluginKey } from '@tiptap/pm/state';
import { Decoration, DecorationSet } from '@tiptap/pm/view';
import {
  absolutePositionToRelativePosition,
  relativePositionToAbsolutePosition,
  ySyncPluginKey,
} from '@tiptap/y-tiptap';
import { newId } from '@atelier/sdk';
import type * as Y from 'yjs';
import { announce } from '../../lib/announce.svelte';
import type { RichField } from '../rich';
import type { DocumentSession, Extras } from '../session';
import { Authors, piecesOfSuggestions, type Piece, type Signature } from './authors';
import { anchored, Comments, placeOf, type Anchored, type Me, type Remark, type Thread } from './comments';
import { complete, type Query } from './complete';
import { imagesIn } from './images';
import { Remote, type Attribution } from './remote';
import { settle, suggested, suggestionsIn, type Suggestion } from './suggest';
import { t } from './texts';
import { initials, passages } from './who';

const KEY = new PluginKey<DecorationSet>('desk');
/** After a change the remarks are looked for again, not at every letter. */
const SOON = 120;

export interface Place {
  field: RichField;
  from: number;
  to: number;
}

/** A list to choose from is open. */
export interface Menu {
  query: Query;
  editor: Editor;
}

/** An image that waits for its description. */
export interface Arrival {
  file: File;
  field: RichField;
  at: Y.RelativePosition | null;
}

export type { Suggestion, Thread };
export interface Proposal extends Suggestion {
  field: RichField;
  pieces: readonly Piece[];
}

export class Desk implements Extras {
  readonly session: DocumentSession;
  readonly remote: Remote;
  readonly comments: Comments;
  readonly me: Me;
  /** The list's keys; set by whoever shows it. */
  menuKey: ((event: KeyboardEvent) => boolean) | null = null;
  #menu: Menu | null = null;
  #suggesting = false;
  #who: Attribution | null = null;
  #active: string | null = null;
  #writing: Anchored | null = null;
  #arrivals: Arrival[] = [];
  #places = new Map<string, Place>();
  #timers = new Map<RichField, ReturnType<typeof setTimeout>>();
  readonly #fields = new Set<RichField>();
  readonly #authors: Authors;
  /** What is suggested in a text, which is looked through once. */
  readonly #suggested = new WeakMap<Node, Omit<Proposal, 'field'>[]>();

  constructor(session: DocumentSession, me: Me, remote = new Remote(session.options.document)) {
    this.session = session;
    this.me = me;
    this.remote = remote;
    this.comments = new Comments(session, me, () => {
      for (const field of this.#fields) this.#look(field, 0);
      session.changed();
    });
    this.#authors = new Authors({
      client: session.doc.clientID,
      me,
      ask: () => this.remote.attribution(),
      onchange: () => session.changed(),
    });
    session.doc.on('destroy', () => this.#authors.stop());
    session.extras = this;
  }

  // What is shown.

  get menu(): Menu | null {
    this.session.track();
    return this.#menu;
  }

  get arrival(): Arrival | null {
    this.session.track();
    return this.#arrivals[0] ?? null;
  }

  get who(): Attribution | null {
    this.session.track();
    return this.#who;
  }

  get active(): string | null {
    this.session.track();
    return this.#active;
  }

  /** The remark that is being written. */
  get writing(): Anchored | null {
    this.session.track();
    return this.#writing;
  }

  get suggesting(): boolean {
    this.session.track();
    return this.#suggesting;
  }

  set suggesting(on: boolean) {
    this.#suggesting = on;
    announce(t(on ? 'suggest.on' : 'suggest.off'));
    this.session.changed();
  }

  /** Where a thread's text is, if it is still there. */
  place(thread: Thread): Place | null {
    this.session.track();
    return this.#places.get(thread.id) ?? null;
  }

  /** All that is suggested, in all fields that are shown. */
  get proposals(): Proposal[] {
    this.session.track();
    return [...this.#fields].flatMap((field) => this.#suggestionsIn(field).map((found) => ({ ...found, field })));
  }

  #suggestionsIn(field: RichField): Omit<Proposal, 'field'>[] {
    const { doc } = field.editor.state;
    let found = this.#suggested.get(doc);
    if (found) return found;
    const all = suggestionsIn(doc);
    const pieces = all.length > 0 ? piecesOfSuggestions(field.fragment) : null;
    found = all.map((suggestion) => ({ ...suggestion, pieces: pieces?.get(suggestion.id) ?? [] }));
    this.#suggested.set(doc, found);
    return found;
  }

  /** Who it is from, as the server knows it. */
  signature(of: Remark | Proposal): Signature {
    this.session.track();
    if ('pieces' in of) return this.#authors.judge(of.pieces, of, t('suggest.somebody'));
    return this.#authors.judge(
      this.comments.pieces(of),
      { author: of.author, name: of.authorName },
      t('suggest.somebody'),
    );
  }

  // The fields.

  extensions(field: () => RichField): AnyExtension[] {
    return [
      complete(
        {
          show: (query, editor) => this.#show({ query, editor }),
          hide: () => this.#show(null, field().editor),
          key: (event) => this.menuKey?.(event) ?? false,
        },
        // Only words can be suggested.
        (kind) => this.session.editable && !(kind === 'slash' && this.#suggesting),
      ),
      this.#extension(field),
    ];
  }

  left(field: RichField): void {
    clearTimeout(this.#timers.get(field));
    this.#timers.delete(field);
    this.#fields.delete(field);
    for (const [id, place] of this.#places) if (place.field === field) this.#places.delete(id);
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.field !== field);
  }

  #show(menu: Menu | null, of?: Editor): void {
    if (!menu && (!this.#menu || this.#menu.editor !== of)) return;
    this.#menu = menu;
    this.session.changed();
  }

  #extension(of: () => RichField): Extension {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the functions below have a `this` of their own
    const desk = this;
    return Extension.create({
      name: 'desk',
      addKeyboardShortcuts: () => ({ 'Mod-Alt-m': () => (desk.comment(), true) }),
      dispatchTransaction({ transaction, next }) {
        const others = transaction.getMeta(ySyncPluginKey) || transaction.getMeta('settle');
        if (!desk.#suggesting || !transaction.docChanged || others) return next(transaction);
        const by = { author: desk.me.id, name: desk.me.name, at: new Date().toISOString(), id: () => newId() };
        const made = suggested(transaction, this.editor.state, by);
        if (made) next(made);
        else announce(t('suggest.words'));
      },
      addProseMirrorPlugins: () => [
        new Plugin<DecorationSet>({
          key: KEY,
          state: {
            init: () => DecorationSet.empty,
            apply: (change, was) => {
              const now = change.getMeta(KEY) as DecorationSet | undefined;
              return now ?? (change.docChanged ? was.map(change.mapping, change.doc) : was);
            },
          },
          props: {
            decorations: (state) => KEY.getState(state),
            handlePaste: (_view, event) => desk.#bring(of(), event.clipboardData, null),
            handleDrop: (view, event, _slice, moved) => {
              const at = view.posAtCoords({ left: event.clientX, top: event.clientY })?.pos ?? null;
              return !moved && desk.#bring(of(), event.dataTransfer, at);
            },
          },
          view: () => {
            // The field is not ready before its editor is.
            queueMicrotask(() => {
              if (of().editor.isDestroyed) return;
              desk.#fields.add(of());
              desk.#look(of(), 0);
            });
            return {
              update: (view, before) => {
                if (view.state.doc !== before.doc) desk.#look(of(), SOON);
                if (!view.state.selection.eq(before.selection)) desk.#point(of());
              },
            };
          },
        }),
      ],
    });
  }

  #look(field: RichField, after: number): void {
    if (this.#timers.has(field)) return;
    this.#timers.set(
      field,
      setTimeout(() => {
        this.#timers.delete(field);
        if (this.#fields.has(field)) this.#find(field);
      }, after),
    );
  }

  /** Looks for the texts that remarks are about, and for the passages of authors. */
  #find(field: RichField): void {
    const { state, view } = field.editor;
    const found: Decoration[] = [];
    for (const thread of this.comments.threads) {
      if (thread.field !== field.path) continue;
      const place = placeOf(field, thread.anchor);
      if (!place) {
        this.#places.delete(thread.id);
        continue;
      }
      this.#places.set(thread.id, { field, ...place });
      if (thread.resolvedAt) continue;
      const active = thread.id === this.#active ? ' on' : '';
      found.push(Decoration.inline(place.from, place.to, { class: `remark${active}`, 'data-remark': thread.id }));
    }
    if (this.#who) found.push(...this.#passages(field, this.#who));
    view.dispatch(state.tr.setMeta(KEY, DecorationSet.create(state.doc, found)).setMeta('addToHistory', false));
    this.session.changed();
  }

  #passages(field: RichField, who: Attribution): Decoration[] {
    return passages(field.fragment, field.editor.state.doc, who).flatMap(({ from, to, author }) => {
      const user = who.users[author];
      const series = user ? String((author % 6) + 1) : '0';
      const name = user ? (user.displayName ?? t('suggest.somebody')) : t('who.new');
      const label = (): HTMLElement => {
        const sign = document.createElement('span');
        sign.className = 'author-sign';
        sign.dataset.series = series;
        sign.textContent = user ? initials(user) : '?';
        sign.setAttribute('aria-label', name);
        sign.setAttribute('role', 'img');
        return sign;
      };
      return [
        Decoration.inline(from, to, { class: 'author', 'data-series': series, title: name }),
        Decoration.widget(from, label, { side: -1, key: `who-${series}-${name}`, ignoreSelection: true }),
      ];
    });
  }

  /** The remark under the caret is the one that is shown. */
  #point(field: RichField): void {
    const { from, to } = field.editor.state.selection;
    const here = this.comments.threads.find((thread) => {
      const place = this.#places.get(thread.id);
      return !thread.resolvedAt && place?.field === field && place.from <= from && to <= place.to;
    });
    if (here) this.choose(here.id);
  }

  choose(thread: string | null): void {
    if (this.#active === thread) return;
    this.#active = thread;
    for (const field of this.#fields) this.#look(field, 0);
    this.session.changed();
  }

  // Remarks.

  /** Begins a remark on what is selected. */
  comment(): void {
    const field = this.session.rich;
    const here = field && this.session.editable ? anchored(field) : null;
    if (!here) return announce(t('comment.select'));
    this.#writing = here;
    this.session.changed();
  }

  /** Ends it, with its words or without. */
  commented(body: string | null): void {
    const anchor = this.#writing;
    this.#writing = null;
    if (anchor && body?.trim()) this.#active = this.comments.add(anchor, body);
    this.session.changed();
    this.session.rich?.focus();
  }

  /** Shows where a thread is in the text. */
  show(thread: Thread): void {
    this.choose(thread.id);
    const place = this.#places.get(thread.id);
    place?.field.editor.chain().setTextSelection({ from: place.from, to: place.to }).focus().scrollIntoView().run();
  }

  // Suggestions.

  settle(proposal: Proposal | null, accept: boolean): void {
    if (!this.session.editable) return;
    this.session.entered();
    const fields = proposal ? [proposal.field] : [...this.#fields];
    for (const { editor } of fields) editor.view.dispatch(settle(editor.state, proposal?.id ?? null, accept));
    announce(t(accept ? 'suggest.accepted' : 'suggest.rejected'));
  }

  /** Shows where something is suggested. */
  see(proposal: Proposal): void {
    const { from, to } = proposal;
    proposal.field.editor.chain().setTextSelection({ from, to }).focus().scrollIntoView().run();
  }

  // Authors.

  /** Asks who wrote what and shows it; or shows it no more. */
  async attribute(on: boolean): Promise<void> {
    this.#who = on ? await this.remote.attribution() : null;
    if (this.#who) this.#authors.tell(this.#who);
    for (const field of this.#fields) this.#look(field, 0);
    this.session.changed();
  }

  // Images.

  #bring(field: RichField, data: DataTransfer | null, at: number | null): boolean {
    const files = imagesIn(data);
    // Words that were copied with a picture of themselves are words.
    if (files.length === 0 || data?.getData('text/plain')) return false;
    this.bring(field, files, at);
    return true;
  }

  /** Images wait for their descriptions, one after the other. */
  bring(field: RichField, files: readonly File[], at: number | null = null): void {
    if (!field.editable) return;
    if (this.#suggesting) return announce(t('suggest.words'));
    const sync = ySyncPluginKey.getState(field.editor.state);
    const pos = at ?? field.editor.state.selection.to;
    const place = sync?.binding ? absolutePositionToRelativePosition(pos, sync.type, sync.binding.mapping) : null;
    this.#arrivals.push(...files.map((file) => ({ file, field, at: place as Y.RelativePosition | null })));
    this.session.changed();
  }

  /** The first image in the row has come to its place, or shall not come. */
  arrived(image: { src: string; alt: string } | null): void {
    const arrival = this.#arrivals.shift();
    if (arrival && image) {
      const { editor } = arrival.field;
      const sync = ySyncPluginKey.getState(editor.state);
      const at = arrival.at
        ? relativePositionToAbsolutePosition(sync.doc, sync.type, arrival.at, sync.binding.mapping)
        : null;
      const to = Math.min(at ?? editor.state.selection.to, editor.state.doc.content.size);
      editor.chain().insertContentAt(to, { type: 'image', attrs: image }).focus().run();
    } else arrival?.field.focus();
    this.session.changed();
  }
}
