/** The texts of plans and summaries, fetched with their pages. */
import { Texts } from '../../lib/i18n.svelte';
import type en from '../../locales/documents.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../../locales/documents.en'),
  de: () => import('../../locales/documents.de'),
});
export const { t } = texts;

/** A text whose key is put together, or `otherwise` where there is none. */
export function textOf(key: string, otherwise: string): string {
  return texts.has(key) ? t(key) : otherwise;
}
