/** The texts of the connection check. */
import { Texts } from '../lib/i18n.svelte';
import type diagnose from '../locales/diagnose.en';

export type Key = keyof typeof diagnose;
export const texts = new Texts<Key>({
  en: () => import('../locales/diagnose.en'),
  de: () => import('../locales/diagnose.de'),
});
export const { t } = texts;
