/** The texts of the tools around shared documents, fetched with them. */
import { Texts } from '../../lib/i18n.svelte';
import type en from '../../locales/desk.en';
import type errors from '../../locales/errors.en';

export type Key = keyof typeof en | keyof typeof errors;

/** With the words for what the server refuses, which the studio has anyway. */
const both = (desk: { default: object }, errors: { default: object }) => ({
  default: { ...errors.default, ...desk.default } as Record<string, string>,
});

export const texts = new Texts<Key>({
  en: async () => both(await import('../../locales/desk.en'), await import('../../locales/errors.en')),
  de: async () => both(await import('../../locales/desk.de'), await import('../../locales/errors.de')),
});
export const { t } = texts;

/** Why something did not work, in words. */
export function why(error: unknown): string {
  const key = `error.${(error as { code?: string } | null)?.code ?? 'unknown'}`;
  return t(texts.has(key) ? key : 'error.unknown');
}
