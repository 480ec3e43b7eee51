/** Time as the server counts it. */
import type { Timer } from '@atelier/sdk';

export function leftMs(timer: Timer, serverNow: number): number {
  return Math.max(0, 'endsAt' in timer ? Date.parse(timer.endsAt) - serverNow : timer.remaining);
}

/** `1:05`, or `1:00:05` from an hour on. */
export function clockText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
