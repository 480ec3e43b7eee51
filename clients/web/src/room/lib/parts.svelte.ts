/** Parts of the room that may come a moment later: fetched in this order right after the first picture. */
import type Closing from '../Closing.svelte';
import type Lost from '../Lost.svelte';
import type Me from '../Me.svelte';
import type Notes from '../Notes.svelte';
import type Questions from '../Questions.svelte';
import type Results from '../Results.svelte';
import type Texts from '../ballots/Texts.svelte';

const from = {
  results: () => import('../Results.svelte'),
  texts: () => import('../ballots/Texts.svelte'),
  questions: () => import('../Questions.svelte'),
  me: () => import('../Me.svelte'),
  notes: () => import('../Notes.svelte'),
  lost: () => import('../Lost.svelte'),
  closing: () => import('../Closing.svelte'),
};

class Parts {
  results = $state.raw<typeof Results>();
  texts = $state.raw<typeof Texts>();
  questions = $state.raw<typeof Questions>();
  me = $state.raw<typeof Me>();
  notes = $state.raw<typeof Notes>();
  lost = $state.raw<typeof Lost>();
  closing = $state.raw<typeof Closing>();

  /** Fetches what is not here yet; what fails is tried again on the next call. */
  load(): void {
    for (const name of Object.keys(from) as (keyof typeof from)[])
      if (!this[name])
        from[name]().then(
          (part) => (this[name] = part.default as never),
          () => {},
        );
  }
}

export const parts = new Parts();
