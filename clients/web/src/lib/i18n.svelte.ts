/** Typed catalogues: the English one names the keys, every other must have them all; one is loaded at a time. */
export type Plural = { readonly one: string; readonly other: string };
export type Catalogue<K extends string> = { readonly [key in K]: string | Plural };
/** What a catalogue in another language must hold. */
export type Translation<T> = { readonly [K in keyof T]: T[K] extends string ? string : Plural };
export type Lang = 'en' | 'de';
/** One language at a time is loaded. */
export type Loaders = Record<Lang, () => Promise<{ default: Readonly<Record<string, string | Plural>> }>>;
export type Params = Record<string, string | number>;

const STORED = 'atelier.lang';

/** The language chosen here before, else the browser's, else English. */
export function preferred(): Lang {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem(STORED);
  } catch {
    // Storage may be forbidden.
  }
  if (chosen === 'en' || chosen === 'de') return chosen;
  return (globalThis.navigator?.language ?? 'en').toLowerCase().startsWith('de') ? 'de' : 'en';
}

/** The texts of one entry. */
export class Texts<K extends string> {
  lang = $state.raw<Lang>('en');
  #catalogue = $state.raw<Catalogue<K>>();
  #plurals = new Intl.PluralRules('en');
  readonly #parts: Loaders[];

  /** `first` is what every page needs. */
  constructor(first: Loaders) {
    this.#parts = [first];
  }

  /** Adds a part of the catalogue that only some pages need. */
  async add(part: Loaders): Promise<void> {
    if (this.#parts.includes(part)) return;
    const more = (await part[this.lang]()).default;
    this.#parts.push(part);
    this.#catalogue = { ...this.#catalogue, ...more } as Catalogue<K>;
  }

  /** Loads a language and shows it; `remember` keeps it for the next visit. */
  async use(lang: Lang, remember = false): Promise<void> {
    const parts = await Promise.all(this.#parts.map((part) => part[lang]()));
    this.#catalogue = Object.assign({}, ...parts.map((part) => part.default)) as Catalogue<K>;
    this.#plurals = new Intl.PluralRules(lang);
    this.lang = lang;
    document.documentElement.lang = lang;
    if (!remember) return;
    try {
      localStorage.setItem(STORED, lang);
    } catch {
      // The choice then lasts as long as the page.
    }
  }

  has(key: string): key is K {
    return key in (this.#catalogue ?? {});
  }

  /** The text under `key`; `{name}` comes from `params`, and `n` chooses the plural. */
  t = (key: K, params: Params = {}): string => {
    const entry = this.#catalogue?.[key] ?? '';
    const text =
      typeof entry === 'string' ? entry : entry[this.#plurals.select(Number(params.n)) === 'one' ? 'one' : 'other'];
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = params[name];
      return value === undefined ? whole : typeof value === 'number' ? this.number(value) : value;
    });
  };

  number = (value: number, digits = 0): string =>
    value.toLocaleString(this.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });

  /** The reader's own regional habits, where the browser's language is the one shown. */
  get locale(): string {
    const own = globalThis.navigator?.language ?? '';
    return own.toLowerCase().startsWith(this.lang) ? own : this.lang;
  }

  /** Time of day with seconds, as proof of when something was recorded. */
  clock = (at: string | number): string =>
    new Date(at).toLocaleTimeString(this.locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

  /** Day and time of day. */
  moment = (at: string): string =>
    new Date(at).toLocaleString(this.locale, {
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      hour: '2-digit',
      minute: '2-digit',
    });
}
