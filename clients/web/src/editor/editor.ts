/** A shared rich text: the only file that imports TipTap, Yjs and Hocuspocus. Fetched when somebody opens it. */
import { HocuspocusProvider, WebSocketStatus } from '@hocuspocus/provider';
import { Editor, Extension } from '@tiptap/core';
import { Bold } from '@tiptap/extension-bold';
import { Collaboration } from '@tiptap/extension-collaboration';
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret';
import { Document } from '@tiptap/extension-document';
import { HardBreak } from '@tiptap/extension-hard-break';
import { Heading } from '@tiptap/extension-heading';
import { Italic } from '@tiptap/extension-italic';
import { Link } from '@tiptap/extension-link';
import { BulletList, ListItem, ListKeymap, OrderedList, TaskItem, TaskList } from '@tiptap/extension-list';
import { Paragraph } from '@tiptap/extension-paragraph';
import { Text } from '@tiptap/extension-text';
import { Plugin } from '@tiptap/pm/state';
import * as Y from 'yjs';
import { mayType, nameOf, peersOf, seriesOf, statusOf, type Line, type Peer, type Status } from './status';

/** The XML fragment of the document that holds the text; other people's editors must name the same. */
export const FIELD = 'body';

export interface Options {
  element: HTMLElement;
  /** The document's name, as the API gives it. */
  document: string;
  /** For each connection anew. */
  token: () => Promise<string>;
  /** Under which name the caret is shown to others. */
  name: string;
  /** The right at the time of asking; the server says it again on each connection. */
  mayWrite: boolean;
  /** Paste words without their formatting, where the page's policy lets no string become HTML. */
  plainPaste: boolean;
  label: string;
  taskLabel: (text: string) => string;
  /** Something that is shown has changed. */
  onchange: () => void;
  /** Alt+F10, where the toolbar is. */
  ontoolbar: () => void;
}

export type Mark = 'bold' | 'italic' | 'link';
export type Block = 'heading2' | 'heading3' | 'bulletList' | 'orderedList' | 'taskList';

function caret(user: Record<string, unknown>): HTMLElement {
  const mark = document.createElement('span');
  mark.className = 'caret';
  mark.dataset.series = String(seriesOf(user.id));
  const name = document.createElement('span');
  name.className = 'caret-name';
  name.textContent = nameOf(user.name);
  // A line may end between two characters that join nothing, but not inside the caret.
  mark.append('\u2060', name, '\u2060');
  return mark;
}

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

export class Notes {
  peers: Peer[] = [];
  readonly #doc = new Y.Doc();
  readonly #provider: HocuspocusProvider;
  readonly #editor: Editor;
  readonly #line: Line = { connected: false, scope: null, denied: false, unsynced: 0, loaded: false };
  readonly #onchange: () => void;
  #right: boolean;
  #dirty = false;
  #over = false;

  constructor(options: Options) {
    this.#right = options.mayWrite;
    this.#onchange = options.onchange;
    this.#provider = this.#connect(options);
    this.#editor = this.#edit(options);
    this.#doc.on('update', (_update, origin) => {
      if (origin !== this.#provider) this.#dirty = true;
    });
    addEventListener('beforeunload', this.#leaving);
  }

  #connect(options: Options): HocuspocusProvider {
    const provider = new HocuspocusProvider({
      url: `${location.origin.replace(/^http/, 'ws')}/collab/hocuspocus`,
      name: options.document,
      document: this.#doc,
      token: options.token,
      onStatus: ({ status }) => {
        const connected = status === WebSocketStatus.Connected;
        if (!connected) this.#line.scope = null;
        this.#set({ connected });
      },
      onAuthenticated: ({ scope }) => {
        this.#right = scope === 'read-write';
        this.#set({ scope: scope === 'read-write' ? 'read-write' : 'readonly', denied: false });
      },
      onAuthenticationFailed: () => this.#set({ denied: true }),
      onSynced: () => this.#set({ loaded: true }),
      onUnsyncedChanges: ({ number }) => {
        if (number === 0 && this.#line.scope) this.#dirty = false;
        this.#set({ unsynced: number });
      },
    });
    provider.awareness?.on('change', () => {
      this.peers = peersOf(provider.awareness!.getStates(), this.#doc.clientID);
      this.#onchange();
    });
    return provider;
  }

  #edit(options: Options): Editor {
    const page = Extension.create({
      name: 'page',
      addKeyboardShortcuts: () => ({ 'Alt-F10': () => (options.ontoolbar(), true) }),
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
    return new Editor({
      element: options.element,
      injectCSS: false,
      editable: false,
      // Made of JSON: from a string it would be parsed as HTML, which the room's policy refuses.
      content: { type: 'doc', content: [{ type: 'paragraph' }] },
      extensions: [
        page,
        Document,
        Paragraph,
        Text,
        HardBreak,
        Bold,
        Italic,
        Heading.configure({ levels: [2, 3] }),
        BulletList,
        OrderedList,
        ListItem,
        TaskList,
        TaskItem.configure({ nested: true, a11y: { checkboxLabel: (node) => options.taskLabel(node.textContent) } }),
        ListKeymap,
        Link.configure({
          openOnClick: false,
          defaultProtocol: 'https',
          protocols: ['mailto'],
          HTMLAttributes: { rel: 'noopener noreferrer nofollow', target: '_blank' },
        }),
        Collaboration.configure({ document: this.#doc, field: FIELD }),
        CollaborationCaret.configure({
          provider: this.#provider,
          user: { name: options.name, id: this.#doc.clientID },
          render: caret,
          selectionRender: (user: Record<string, unknown>) => ({
            class: 'caret-selection',
            'data-series': String(seriesOf(user.id)),
          }),
        }),
      ],
      onTransaction: () => this.#onchange(),
    });
  }

  get status(): Status {
    return statusOf(this.#line, this.#dirty);
  }

  get loaded(): boolean {
    return this.#line.loaded;
  }

  get editable(): boolean {
    return mayType(this.#line, this.#right);
  }

  is(what: Mark | Block): boolean {
    if (what === 'heading2' || what === 'heading3')
      return this.#editor.isActive('heading', { level: what === 'heading2' ? 2 : 3 });
    return this.#editor.isActive(what);
  }

  can(what: 'undo' | 'redo'): boolean {
    return this.editable && (what === 'undo' ? this.#editor.can().undo() : this.#editor.can().redo());
  }

  /** Undoes only what was written here. */
  step(what: 'undo' | 'redo'): void {
    if (what === 'undo') this.#editor.chain().focus().undo().run();
    else this.#editor.chain().focus().redo().run();
  }

  toggle(what: Exclude<Mark, 'link'> | Block): void {
    const chain = this.#editor.chain().focus();
    if (what === 'bold') chain.toggleBold().run();
    else if (what === 'italic') chain.toggleItalic().run();
    else if (what === 'heading2') chain.toggleHeading({ level: 2 }).run();
    else if (what === 'heading3') chain.toggleHeading({ level: 3 }).run();
    else if (what === 'bulletList') chain.toggleBulletList().run();
    else if (what === 'orderedList') chain.toggleOrderedList().run();
    else chain.toggleTaskList().run();
  }

  /** Where the link under the caret leads. */
  get href(): string {
    return String(this.#editor.getAttributes('link').href ?? '');
  }

  /** Links the selection, or writes the address where nothing is selected; null takes the link away. */
  link(href: string | null): void {
    const chain = this.#editor.chain().focus();
    if (href === null) chain.extendMarkRange('link').unsetLink().run();
    else if (this.#editor.state.selection.empty && !this.is('link'))
      chain
        .insertContent({ type: 'text', text: href.replace(/^mailto:/, ''), marks: [{ type: 'link', attrs: { href } }] })
        .run();
    else chain.extendMarkRange('link').setLink({ href }).run();
  }

  focus(): void {
    this.#editor.commands.focus();
  }

  destroy(): void {
    this.#over = true;
    removeEventListener('beforeunload', this.#leaving);
    this.#editor.destroy();
    this.#provider.destroy();
    this.#doc.destroy();
  }

  #leaving = (event: BeforeUnloadEvent): void => {
    if (this.#dirty && !this.#line.denied) event.preventDefault();
  };

  #set(change: Partial<Line>): void {
    if (this.#over) return;
    Object.assign(this.#line, change);
    // The provider speaks before the editor is there.
    if (this.#editor && this.#editor.isEditable !== this.editable) this.#editor.setEditable(this.editable, false);
    this.#onchange();
  }
}
