/** Days and times of day, in the reader's words. */
import { texts } from '../lib/i18n';

/** A day without a time, as 2026-11-21, in words. */
export function dayOf(day: string): string {
  const [year, month, date] = day.slice(0, 10).split('-').map(Number);
  const at = new Date(year!, month! - 1, date);
  if (Number.isNaN(at.getTime())) return day;
  return new Intl.DateTimeFormat(texts.locale, { dateStyle: 'medium' }).format(at);
}

/** The day of a moment, in the reader's zone, as 2026-11-21. */
export function dayKey(at: string | Date): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** When each part of an agenda begins, in minutes from its start; what has no minutes takes none. */
export function begins(minutes: readonly (number | null)[]): number[] {
  let at = 0;
  return minutes.map((n) => {
    const begin = at;
    at += n ?? 0;
    return begin;
  });
}

/** `at` and some minutes. */
export function later(at: string, minutes: number): string {
  return new Date(Date.parse(at) + minutes * 60_000).toISOString();
}

/** Things by their days, in the order in which they come. */
export function byDay<T>(items: readonly T[], at: (item: T) => string): { key: string; items: T[] }[] {
  const days: { key: string; items: T[] }[] = [];
  for (const item of items) {
    const key = dayKey(at(item));
    const day = days.find((one) => one.key === key);
    if (day) day.items.push(item);
    else days.push({ key, items: [item] });
  }
  return days;
}

/** A day as a heading: the weekday counts more than the year. */
export function dayName(key: string): string {
  const [year, month, date] = key.split('-').map(Number);
  const at = new Date(year!, month! - 1, date);
  const options: Intl.DateTimeFormatOptions = { weekday: 'long', day: 'numeric', month: 'long' };
  if (at.getFullYear() !== new Date().getFullYear()) options.year = 'numeric';
  return new Intl.DateTimeFormat(texts.locale, options).format(at);
}

/** Day and time of day, short. */
export function momentOf(at: string): string {
  return new Intl.DateTimeFormat(texts.locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at));
}
