/** Join codes as people type them, and the seat a device holds in a session. */
export const LENGTH = 6;
const NEVER = /[^23456789ABCDEFGHJKMNPQRSTVWXYZ]/g;

/** Upper case, without spaces, dashes and dots. */
export function cleanCode(typed: string): string {
  return typed.toUpperCase().replace(/[\s\-–—_.·/]/g, '');
}

/** The letters in a cleaned code that no code has. */
export function strangers(code: string): string[] {
  return [...new Set(code.match(NEVER) ?? [])];
}

/** In two groups, to be read aloud. */
export function groups(code: string): [string, string] {
  return [code.slice(0, 3), code.slice(3)];
}

export interface Seat {
  token: string;
  participantId: string;
}

const key = (code: string) => `atelier.seat.${code}`;
const memory = new Map<string, Seat>();

export function seatOf(code: string): Seat | null {
  try {
    const seat = JSON.parse(localStorage.getItem(key(code)) ?? 'null') as Seat | null;
    if (typeof seat?.token === 'string') return seat;
  } catch {
    // Forbidden or broken storage: this page load's own memory counts.
  }
  return memory.get(code) ?? null;
}

export function keepSeat(code: string, seat: Seat): void {
  try {
    localStorage.setItem(key(code), JSON.stringify(seat));
  } catch {
    // Then the seat lasts as long as the page.
    memory.set(code, seat);
  }
}

export function leaveSeat(code: string): void {
  memory.delete(code);
  try {
    localStorage.removeItem(key(code));
  } catch {
    // Nothing was stored.
  }
}
