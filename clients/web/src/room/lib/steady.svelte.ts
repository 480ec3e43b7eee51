/** A list that does not move under a finger: while it is touched, order and length stay as they were. */
const REST = 3_000;

export class Steady<T extends { id: string }> {
  #source: () => readonly T[];
  #held = $state.raw<readonly string[] | null>(null);
  #inside = false;
  #focused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: () => readonly T[]) {
    this.#source = source;
  }

  /** The items to show: live contents, in the order held. */
  get items(): readonly T[] {
    const now = this.#source();
    if (!this.#held) return now;
    const byId = new Map(now.map((item) => [item.id, item]));
    return this.#held.flatMap((id) => byId.get(id) ?? []);
  }

  /** How many are held back. */
  get fresh(): number {
    return this.#held ? this.#source().length - this.items.length : 0;
  }

  /** Lets the list be as it is now. */
  apply = (): void => {
    this.#held = this.#inside || this.#focused ? this.#source().map((item) => item.id) : null;
  };

  enter = (): void => {
    this.#inside = true;
    this.#hold();
  };

  leave = (): void => {
    this.#inside = false;
    this.#release();
  };

  focus = (): void => {
    this.#focused = true;
    this.#hold();
  };

  blur = (event: FocusEvent): void => {
    const within = (event.currentTarget as Element).contains(event.relatedTarget as Node | null);
    this.#focused = within;
    if (!within) this.#release();
  };

  stop(): void {
    clearTimeout(this.#timer);
  }

  #hold(): void {
    clearTimeout(this.#timer);
    this.#held ??= this.#source().map((item) => item.id);
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#inside && !this.#focused) this.#held = null;
    }, REST);
  }
}
