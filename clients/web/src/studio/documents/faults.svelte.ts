/** Why the newest text of a document was not taken over into lists and reports, field by field. */
import type { DocumentState } from '@atelier/sdk';
import type { Word } from '../../editor/session';
import { textOf } from './texts';

type Fault = DocumentState['error'];

export class Faults {
  #error = $state.raw<Fault>(null);

  constructor(error: Fault) {
    this.#error = error;
  }

  set error(error: Fault) {
    this.#error = error;
  }

  get any(): boolean {
    return this.#error !== null;
  }

  /** What is wrong with the whole, in words. */
  get whole(): string | null {
    return this.#error ? textOf(`fault.${this.#error.code}`, textOf('fault.document_invalid', this.#error.code)) : null;
  }

  /** What is wrong is not at a field, where it would be seen. */
  get nowhere(): boolean {
    return this.#error?.fields.length === 0;
  }

  /** In words, or null where nothing is wrong. `field` as the server names it: `title`, `agenda/{id}/title`. */
  of(field: string): string | null {
    const fault = this.#error?.fields.find((one) => one.field === field);
    return fault ? textOf(`fault.${fault.why}`, textOf('fault.invalid', fault.why)) : null;
  }

  /** What an editor is told while it is connected. */
  hear(word: Word): boolean {
    if (word.type !== 'materialised') return false;
    this.#error = isFault(word.error) ? word.error : null;
    return true;
  }
}

function isFault(error: unknown): error is NonNullable<Fault> {
  return Array.isArray((error as { fields?: unknown } | null)?.fields);
}
