/** How other people's carets look, in rich text and beside short texts. */
import type { Plugin, StateField } from '@tiptap/pm/state';
import { DecorationSet } from '@tiptap/pm/view';
import { yCursorPlugin } from '@tiptap/y-tiptap';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { nameOf, seriesOf } from './status';

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

const selection = (user: Record<string, unknown>): { class: string; 'data-series': string } => ({
  class: 'caret-selection',
  'data-series': String(seriesOf(user.id)),
});

/** Is that a place, wherever? What others say about where they look may be anything. */
function isPlace({ cursor, user = {} }: { cursor?: unknown; user?: unknown }, doc: Y.Doc): boolean {
  if (cursor === undefined || cursor === null) return true;
  if (typeof user !== 'object' || user === null) return false;
  try {
    const { anchor, head } = cursor as { anchor: unknown; head: unknown };
    for (const end of [anchor, head])
      Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(end), doc);
    return true;
  } catch {
    return false;
  }
}

/** The carets of others in a rich text. They never keep a change from arriving: whatever goes wrong, none is shown. */
export function carets(awareness: Awareness): Plugin<DecorationSet> {
  const plugin = yCursorPlugin(awareness, {
    awarenessStateFilter: (own: number, id: number, state: object) => own !== id && isPlace(state, awareness.doc),
    cursorBuilder: caret,
    selectionBuilder: selection,
  }) as Plugin<DecorationSet>;
  const { init, apply } = plugin.spec.state as StateField<DecorationSet>;
  const orNone = (make: () => DecorationSet): DecorationSet => {
    try {
      return make();
    } catch {
      return DecorationSet.empty;
    }
  };
  plugin.spec.state = {
    init: (config, state) => orNone(() => init.call(plugin, config, state)),
    apply: (change, before, old, state) => orNone(() => apply.call(plugin, change, before, old, state)),
  };
  return plugin;
}
