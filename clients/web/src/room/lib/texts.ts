/** The texts of the room entry. */
import { Texts } from '../../lib/i18n.svelte';
import type en from '../../locales/room.en';

export type Key = keyof typeof en;

export const texts = new Texts<Key>({
  en: () => import('../../locales/room.en'),
  de: () => import('../../locales/room.de'),
});
export const { t, number, clock, moment } = texts;

/** What to tell a person about a refusal: our words for its code, else the general ones. */
export function faultText(error: unknown): string {
  const key = `error.${(error as { code?: string } | null)?.code}`;
  return texts.has(key) ? t(key) : t('error.unknown');
}
