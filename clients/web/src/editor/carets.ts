/** How other people's carets look, in rich text and beside short texts. */
import { nameOf, seriesOf } from './status';

export function caret(user: Record<string, unknown>): HTMLElement {
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

export const selection = (user: Record<string, unknown>): { class: string; 'data-series': string } => ({
  class: 'caret-selection',
  'data-series': String(seriesOf(user.id)),
});
