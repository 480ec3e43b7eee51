/** The texts of the whiteboard, fetched with it. */
import { Texts } from '../lib/i18n.svelte';
import type en from '../locales/board.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../locales/board.en'),
  de: () => import('../locales/board.de'),
});
export const { t } = texts;
