/** Taking an item away, with a way back. */
import type { DocumentSession } from '../../editor/session';
import type { Notices } from '../lib/notices.svelte';
import type { Items } from './items.svelte';
import { t } from './texts';
import { t as say } from '../lib/i18n';

export function removeItem(session: DocumentSession, items: Items, id: string, title: string, notices: Notices): void {
  items.remove(id);
  const step = session.undo.undoStack.at(-1);
  const run = (): void => {
    // Only as long as nothing was written here since: undo goes back one step at a time.
    if (session.undo.undoStack.at(-1) === step) session.step('undo');
    else notices.error(t('removed.later'));
  };
  notices.done(t('removed', { title }), { label: say('undo'), run });
}
