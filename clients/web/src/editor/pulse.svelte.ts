/** Tells effects and templates that something changed which is not reactive by itself. */
import { untrack } from 'svelte';

export class Pulse {
  #turn = $state(0);

  /** Whoever reads behind this is run again at the next beat. */
  track(): void {
    void this.#turn;
  }

  beat(): void {
    this.#turn = untrack(() => this.#turn) + 1;
  }
}
