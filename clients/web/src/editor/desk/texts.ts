/** The texts of the tools around shared documents. */
import { Texts } from '../../lib/i18n.svelte';
import type en from '../../locales/desk.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../../locales/desk.en'),
  de: () => import('../../locales/desk.de'),
});
export const { t } = texts;
