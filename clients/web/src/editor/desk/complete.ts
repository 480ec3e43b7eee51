/** What is being typed behind a `/` or an `@`: a list to choose from belongs to it. */
import { Extension, type Editor } from '@tiptap/core';
import { Plugin, PluginKey, type EditorState } from '@tiptap/pm/state';

export type Kind = 'slash' | 'mention';

export interface Query {
  kind: Kind;
  text: string;
  /** From the sign on. */
  from: number;
  to: number;
}

/** At most this much is looked for: longer is a text that happens to have the sign. */
const MOST = 30;

/** A sign at the beginning of a word and what is behind it; names may have one space. */
export function queryIn(before: string): { kind: Kind; text: string; length: number } | null {
  const slash = /(?:^|\s)\/([\p{L}\p{N}]*)$/u.exec(before);
  if (slash && slash[1]!.length <= MOST) return { kind: 'slash', text: slash[1]!, length: slash[1]!.length + 1 };
  const at = /(?:^|[\s(])@([\p{L}\p{N}.'’-]*(?: [\p{L}\p{N}.'’-]*)?)$/u.exec(before);
  if (at && at[1]!.length <= MOST) return { kind: 'mention', text: at[1]!, length: at[1]!.length + 1 };
  return null;
}

function queryOf(state: EditorState): Query | null {
  const { $from, empty } = state.selection;
  if (!empty || !$from.parent.isTextblock || $from.parent.type.spec.code) return null;
  const before = $from.parent.textBetween(
    Math.max(0, $from.parentOffset - MOST - 2),
    $from.parentOffset,
    null,
    '\ufffc',
  );
  const found = queryIn(before);
  if (!found || $from.marks().some((mark) => mark.type.spec.code)) return null;
  return { kind: found.kind, text: found.text, from: $from.pos - found.length, to: $from.pos };
}

/** What the list does with the keys while it is open. */
export interface Listener {
  show(query: Query, editor: Editor): void;
  hide(): void;
  /** Whether the key was for the list. */
  key(event: KeyboardEvent): boolean;
}

const KEY = new PluginKey<{ query: Query | null; dismissed: number | null }>('complete');

/** Opens the list without the sign, as the toolbar's button does: the sign is typed for the person. */
export function begin(editor: Editor, sign: '/' | '@'): void {
  const { $from } = editor.state.selection;
  const before = $from.parent.textBetween(Math.max(0, $from.parentOffset - 1), $from.parentOffset, null, '\ufffc');
  editor
    .chain()
    .focus()
    .insertContent({ type: 'text', text: `${/^\s?$/.test(before) ? '' : ' '}${sign}` })
    .run();
}

export function complete(listener: Listener, allowed: (kind: Kind) => boolean): Extension {
  return Extension.create({
    name: 'complete',
    // Enter and the arrows are the list's while it is open.
    priority: 1001,
    addProseMirrorPlugins() {
      const { editor } = this;
      return [
        new Plugin<{ query: Query | null; dismissed: number | null }>({
          key: KEY,
          state: {
            init: () => ({ query: null, dismissed: null }),
            apply: (change, was, _before, state) => {
              const found = queryOf(state);
              let dismissed = was.dismissed === null ? null : change.mapping.map(was.dismissed);
              if (change.getMeta(KEY) === 'dismiss') dismissed = was.query?.from ?? null;
              if (dismissed !== null && found?.from !== dismissed) dismissed = null;
              // Only typing opens it, not a caret that comes by.
              const open = was.query?.from === found?.from || (change.docChanged && !change.getMeta('y-sync$'));
              return { query: found && dismissed === null && open ? found : null, dismissed };
            },
          },
          props: {
            handleKeyDown: (view, event) => {
              if (!KEY.getState(view.state)?.query) return false;
              if (event.key === 'Escape') {
                view.dispatch(view.state.tr.setMeta(KEY, 'dismiss'));
                return true;
              }
              return listener.key(event);
            },
          },
          view: () => ({
            update: (view) => {
              const query = KEY.getState(view.state)?.query;
              if (query && allowed(query.kind) && view.hasFocus()) listener.show(query, editor);
              else listener.hide();
            },
            destroy: () => listener.hide(),
          }),
        }),
      ];
    },
  });
}
