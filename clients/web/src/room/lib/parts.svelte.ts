/** Parts of the room that may come a moment later: fetched in this order right after the first picture. */
import type Closing from '../Closing.svelte';
import type Lost from '../Lost.svelte';
import type Me from '../Me.svelte';
import type Questions from '../Questions.svelte';
import type Results from '../Results.svelte';
import type Texts from '../ballots/Texts.svelte';

class Parts {
  results = $state.raw<typeof Results>();
  texts = $state.raw<typeof Texts>();
  questions = $state.raw<typeof Questions>();
  me = $state.raw<typeof Me>();
  closing = $state.raw<typeof Closing>();
  lost = $state.raw<typeof Lost>();

  /** Fetches what is not here yet; what fails is tried again on the next call. */
  load(): void {
    const fail = () => {};
    if (!this.results) import('../Results.svelte').then((m) => (this.results = m.default), fail);
    if (!this.texts) import('../ballots/Texts.svelte').then((m) => (this.texts = m.default), fail);
    if (!this.questions) import('../Questions.svelte').then((m) => (this.questions = m.default), fail);
    if (!this.me) import('../Me.svelte').then((m) => (this.me = m.default), fail);
    if (!this.lost) import('../Lost.svelte').then((m) => (this.lost = m.default), fail);
    if (!this.closing) import('../Closing.svelte').then((m) => (this.closing = m.default), fail);
  }
}

export const parts = new Parts();
