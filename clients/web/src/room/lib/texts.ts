/** The texts of the room entry. */
import { Texts, type Loaders } from '../../lib/i18n.svelte';
import type join from '../../locales/join.en';
import type room from '../../locales/room.en';

export type Key = keyof typeof join | keyof typeof room;

export const texts = new Texts<Key>({
  en: () => import('../../locales/join.en'),
  de: () => import('../../locales/join.de'),
});
/** For the room and the big screen. */
export const more: Loaders = {
  en: () => import('../../locales/room.en'),
  de: () => import('../../locales/room.de'),
};
export const { t, number, clock, moment } = texts;

/** What to tell a person about a refusal: our words for its code, else the general ones. */
export function faultText(error: unknown): string {
  const key = `error.${(error as { code?: string } | null)?.code}`;
  return texts.has(key) ? t(key) : t('error.unknown');
}
