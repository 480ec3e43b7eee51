/** A form on its way: when its faults are shown, and what the server said about it. */
import { tick } from 'svelte';
import { fieldFaults } from './api';
import { errorText } from './i18n';

export class Sending {
  /** It was sent before, so what is missing is said. */
  tried = $state(false);
  busy = $state(false);
  failed = $state<string | null>(null);
  /** By field, as the API calls it. */
  refused = $state.raw<Record<string, string>>({});
  form: HTMLFormElement | undefined;

  /** Sends what has no fault; else, and where it was refused, the first fault has the focus. */
  async send(hasFaults: () => boolean, send: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.tried = true;
    this.failed = null;
    this.refused = {};
    if (hasFaults()) return this.#focus();
    this.busy = true;
    try {
      await send();
    } catch (error) {
      this.refused = fieldFaults(error);
      if (Object.keys(this.refused).length === 0) this.failed = errorText(error);
      await this.#focus();
    } finally {
      this.busy = false;
    }
  }

  async #focus(): Promise<void> {
    await tick();
    this.form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }
}
