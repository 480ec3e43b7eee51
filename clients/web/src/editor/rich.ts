/** A rich text: a TipTap editor on one fragment of a session's document. */
import { Editor, Extension } from '@tiptap/core';
import { Plugin } from '@tiptap/pm/state';
import { ySyncPlugin, ySyncPluginKey } from '@tiptap/y-tiptap';
import { untrack } from 'svelte';
import type * as Y from 'yjs';
import { carets } from './carets';
import { mend, troubleIn } from './fits';
import { nodesAndMarks } from './schema';
import type { DocumentSession, Field } from './session';

export interface RichOptions {
  element: HTMLElement;
  /** Where the text is: a root, or a fragment in an item. */
  fragment: Y.XmlFragment;
  /** Which field that is: its name, and of an item `items/id/field`. */
  path: string;
  label: string;
  taskLabel: (text: string) => string;
  /** Paste words without their formatting, where the page's policy lets no string become HTML. */
  plainPaste: boolean;
  /** Something came into the text that an editor here would delete: it is gone. */
  onunknown: () => void;
  /** A change did not arrive in the editor, which would write over it with the next key: it is gone. */
  onstale: () => void;
  /** A field that this page may not change although it may change others. */
  readonly?: boolean;
}

export type Mark = 'bold' | 'italic' | 'underline' | 'strike' | 'highlight' | 'code' | 'link';
export type Block = 'heading2' | 'heading3' | 'bulletList' | 'orderedList' | 'taskList' | 'blockquote' | 'codeBlock';

/** Rich text from elsewhere becomes words; drags inside the text stay as they are. */
function plainOnly() {
  return {
    paste(view: Editor['view'], event: ClipboardEvent): boolean {
      const text = event.clipboardData?.getData('text/plain');
      if (!event.clipboardData?.types.includes('text/html')) return false;
      event.preventDefault();
      if (text) view.pasteText(text);
      return true;
    },
    drop(view: Editor['view'], event: DragEvent): boolean {
      if (view.dragging || !event.dataTransfer?.types.includes('text/html')) return false;
      event.preventDefault();
      return true;
    },
  };
}

export class RichField implements Field {
  readonly session: DocumentSession;
  readonly fragment: Y.XmlFragment;
  readonly path: string;
  readonly editor: Editor;
  readonly #onunknown: () => void;
  readonly #onstale: () => void;
  readonly #leave: () => void;
  /** Has the editor taken over the change that is under way? */
  #arrived = true;
  #readonly: boolean;

  constructor(session: DocumentSession, options: RichOptions) {
    this.session = session;
    this.fragment = options.fragment;
    this.path = options.path;
    this.#readonly = options.readonly ?? false;
    this.#onunknown = options.onunknown;
    this.#onstale = options.onstale;
    this.editor = this.#edit(options);
    this.#leave = session.join(this);
    session.doc.on('beforeObserverCalls', this.#before);
    session.doc.on('afterTransaction', this.#after);
    // The toolbar is for somebody from the start.
    session.rich ??= this;
    this.obey();
  }

  #edit(options: RichOptions): Editor {
    return new Editor({
      element: options.element,
      injectCSS: false,
      editable: false,
      // Made of JSON: from a string it would be parsed as HTML, which the room's policy refuses.
      content: { type: 'doc', content: [{ type: 'paragraph' }] },
      extensions: [
        this.#page(options),
        this.#shared(),
        ...nodesAndMarks(options.taskLabel),
        ...(this.session.extras?.extensions(() => this) ?? []),
      ],
      onTransaction: () => this.session.changed(),
      onFocus: () => {
        if (this.session.rich !== this) this.session.entered();
        this.session.rich = this;
      },
    });
  }

  /** Runs after a change and before the editor learns of it. */
  #before = (change: Y.Transaction): void => {
    if (change.origin === ySyncPluginKey || ![...change.changed.keys()].some((type) => this.#contains(type))) return;
    this.#arrived = false;
    let trouble = troubleIn(this.fragment);
    if (trouble !== null && this.editable && change.origin !== mend) {
      mend(this.fragment);
      trouble = troubleIn(this.fragment);
    }
    if (trouble === null) return;
    this.destroy();
    this.#onunknown();
  };

  /** Runs when the editor should have learned of it. */
  #after = (change: Y.Transaction): void => {
    if (change.origin === ySyncPluginKey || this.#arrived || this.editor.isDestroyed) return;
    const events = (change.changedParentTypes as Map<unknown, Y.YEvent<never>[]>).get(this.fragment) ?? [];
    // Of what is deleted altogether the editor learns nothing.
    if (!events.some(({ target }) => !(target as Y.XmlFragment)._item?.deleted)) return;
    this.destroy();
    this.#onstale();
  };

  #contains(type: unknown): boolean {
    for (let outer: unknown = type; outer; outer = (outer as Y.XmlFragment)._item?.parent)
      if (outer === this.fragment) return true;
    return false;
  }

  #page(options: RichOptions): Extension {
    return Extension.create({
      name: 'page',
      addKeyboardShortcuts: () => ({ 'Alt-F10': () => (this.session.toToolbar(), true) }),
      addProseMirrorPlugins: () => [
        new Plugin({
          props: {
            attributes: () => ({
              'aria-label': options.label,
              'aria-multiline': 'true',
              'aria-readonly': String(!this.editable),
              // What cannot be typed in is still read and scrolled with the keyboard.
              tabindex: '0',
            }),
            ...(options.plainPaste ? { handleDOMEvents: plainOnly() } : {}),
          },
        }),
      ],
    });
  }

  /** The document, the carets of others, and the session's one undo. */
  #shared(): Extension {
    const { session } = this;
    const step = (what: 'undo' | 'redo') => () => (session.step(what), true);
    return Extension.create({
      name: 'shared',
      priority: 1000,
      addKeyboardShortcuts: () => ({
        'Mod-z': step('undo'),
        'Mod-y': step('redo'),
        'Shift-Mod-z': step('redo'),
      }),
      // A change may come out of somebody's effect, as when that takes the focus: what is read here is not theirs.
      dispatchTransaction: ({ transaction, next }) => {
        untrack(() => next(transaction));
        const change = transaction.getMeta(ySyncPluginKey) as { isChangeOrigin?: boolean } | undefined;
        if (change?.isChangeOrigin) this.#arrived = true;
      },
      addProseMirrorPlugins: () => [ySyncPlugin(this.fragment), carets(session.awareness)],
    });
  }

  /** Takes over what the session allows. */
  obey(): void {
    if (this.editor.isEditable !== this.editable) this.editor.setEditable(this.editable, false);
  }

  get editable(): boolean {
    return this.session.editable && !this.#readonly;
  }

  set readonly(readonly: boolean) {
    this.#readonly = readonly;
    this.obey();
  }

  is(what: Mark | Block): boolean {
    this.session.track();
    if (what === 'heading2' || what === 'heading3')
      return this.editor.isActive('heading', { level: what === 'heading2' ? 2 : 3 });
    return this.editor.isActive(what);
  }

  toggle(what: Exclude<Mark, 'link'> | Block): void {
    const chain = this.editor.chain().focus();
    if (what === 'heading2') chain.toggleHeading({ level: 2 }).run();
    else if (what === 'heading3') chain.toggleHeading({ level: 3 }).run();
    else if (what === 'bulletList') chain.toggleBulletList().run();
    else if (what === 'orderedList') chain.toggleOrderedList().run();
    else if (what === 'taskList') chain.toggleTaskList().run();
    else if (what === 'blockquote') chain.toggleBlockquote().run();
    else if (what === 'codeBlock') chain.toggleCodeBlock().run();
    else chain.toggleMark(what).run();
  }

  /** Where the link under the caret leads. */
  get href(): string {
    return String(this.editor.getAttributes('link').href ?? '');
  }

  /** Links the selection, or writes the address where nothing is selected; null takes the link away. */
  link(href: string | null): void {
    const chain = this.editor.chain().focus();
    if (href === null) chain.extendMarkRange('link').unsetLink().run();
    else if (this.editor.state.selection.empty && !this.is('link'))
      chain
        .insertContent({ type: 'text', text: href.replace(/^mailto:/, ''), marks: [{ type: 'link', attrs: { href } }] })
        .run();
    else chain.extendMarkRange('link').setLink({ href }).run();
  }

  holds(types: ReadonlyMap<unknown, unknown>): boolean {
    return types.has(this.fragment);
  }

  focus(): void {
    this.editor.commands.focus();
  }

  plain(): string {
    return this.editor.getText({ blockSeparator: '\n' });
  }

  destroy(): void {
    if (this.editor.isDestroyed) return;
    this.session.doc.off('beforeObserverCalls', this.#before);
    this.session.doc.off('afterTransaction', this.#after);
    this.#leave();
    if (this.session.rich === this) this.session.rich = null;
    this.session.extras?.left(this);
    this.editor.destroy();
  }
}
