/** Short messages at the foot of the page, with an optional way back ("Undo"). */
export interface Notice {
  id: number;
  kind: 'done' | 'error';
  text: string;
  action?: { label: string; run: () => void };
}

/** The context under which dialogs find the messages, to show them above themselves. */
export const NOTICES = Symbol('notices');

const LIFE_MS = 6_000;

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #next = 1;
  #timers: Record<number, ReturnType<typeof setTimeout>> = {};

  /** Says that something was done; goes away by itself unless pointed at. */
  done(text: string, action?: Notice['action']): void {
    this.#add({ id: this.#next++, kind: 'done', text, ...(action ? { action } : {}) });
  }

  /** Says that something failed; stays until dismissed or replaced. */
  error(text: string, action?: Notice['action']): void {
    this.#add({ id: this.#next++, kind: 'error', text, ...(action ? { action } : {}) });
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers[id]);
    delete this.#timers[id];
    this.list = this.list.filter((n) => n.id !== id);
  }

  /** Holds a message while somebody is reading or about to press its button. */
  hold(id: number): void {
    clearTimeout(this.#timers[id]);
  }

  release(id: number): void {
    const notice = this.list.find((n) => n.id === id);
    if (notice?.kind === 'done') this.#arm(id);
  }

  #add(notice: Notice): void {
    for (const old of this.list.filter((n) => n.kind === 'error' || n.text === notice.text)) this.dismiss(old.id);
    this.list = [...this.list.slice(-2), notice];
    if (notice.kind === 'done') this.#arm(notice.id);
  }

  #arm(id: number): void {
    clearTimeout(this.#timers[id]);
    this.#timers[id] = setTimeout(() => this.dismiss(id), LIFE_MS);
  }
}
