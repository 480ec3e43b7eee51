/** Addresses inside and beside the studio. */

/** "K7Q2MP" reads better as "K7Q 2MP". */
export function spaced(code: string): string {
  return code.length === 6 ? `${code.slice(0, 3)} ${code.slice(3)}` : code;
}

export function joinUrl(code: string): string {
  return `${location.origin}/${code}`;
}

/** Where to go after signing in: only ever a page of the studio. */
export function nextAfterLogin(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '';
  return /^\/studio(\/s\/[\w-]+(\/(results|notes))?|\/(plans|summaries)(\/[\w-]+)?)?$/.test(next) ? next : '/studio';
}

export const consolePath = (id: string): string => `/studio/s/${id}`;
export const resultsPath = (id: string): string => `/studio/s/${id}/results`;
export const planPath = (id: string): string => `/studio/plans/${id}`;
export const summaryPath = (id: string): string => `/studio/summaries/${id}`;
export const notesPath = (id: string): string => `/studio/s/${id}/notes`;

/** A date as `<input type="datetime-local">` wants it, and back. */
export function toLocalInput(at: string | null): string {
  if (!at) return '';
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function fromLocalInput(value: string): string | undefined {
  return value === '' ? undefined : new Date(value).toISOString();
}
