/** Texts, numbers and times of the studio in the reader's language. */
import type { Code } from '@atelier/sdk';
import { Texts, type Lang, type Params } from '../../lib/i18n.svelte';
import type en from '../../locales/studio.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../../locales/studio.en'),
  de: () => import('../../locales/studio.de'),
});

export function t(key: Key, params?: Params): string {
  return texts.t(key, params);
}

export function lang(): Lang {
  return texts.lang;
}

export function number(value: number, digits = 0): string {
  return texts.number(value, digits);
}

/** A whole percentage, written as the language writes it. */
export function percent(part: number): string {
  return new Intl.NumberFormat(texts.lang, { style: 'percent' }).format(part / 100);
}

/** Day, date and time of day, in the reader's zone; the year only when it is another one. */
export function moment(at: string): string {
  const date = new Date(at);
  const options: Intl.DateTimeFormatOptions = {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
  };
  if (date.getFullYear() !== new Date().getFullYear()) options.year = 'numeric';
  return new Intl.DateTimeFormat(texts.locale, options).format(date);
}

/** Time of day without seconds. */
export function clock(at: string): string {
  return new Intl.DateTimeFormat(texts.locale, { hour: 'numeric', minute: '2-digit' }).format(new Date(at));
}

/** What to tell a person about a refusal: our words for its code, else the server's own. */
export function errorText(error: unknown): string {
  const { code, message, detail } = (error ?? {}) as { code?: Code; message?: string; detail?: string };
  const key = `error.${code ?? 'unknown'}`;
  if (texts.has(key)) return t(key);
  return detail || message || t('error.unknown');
}
