/** The texts of the notes, fetched with the editor. */
import { Texts } from '../lib/i18n.svelte';
import type en from '../locales/notes.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../locales/notes.en'),
  de: () => import('../locales/notes.de'),
});
export const { t } = texts;
