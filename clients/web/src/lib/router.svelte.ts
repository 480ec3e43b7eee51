/** The address bar as state, and a matcher for patterns like `/r/:code`. */
let path = $state.raw(globalThis.location?.pathname ?? '/');

export function currentPath(): string {
  return path;
}

/** Goes to a page of the same entry without loading the document again. */
export function go(to: string, replace = false, state: unknown = null): void {
  if (replace) history.replaceState(state, '', to);
  else history.pushState(state, '', to);
  path = location.pathname;
  globalThis.scrollTo?.(0, 0);
}

/** Begins to follow the browser's back and forward. */
export function follow(): () => void {
  const update = () => {
    path = location.pathname;
  };
  update();
  addEventListener('popstate', update);
  return () => removeEventListener('popstate', update);
}

/** The parameters of `pattern` in `at`, or null when it does not match. */
export function match(pattern: string, at: string): Record<string, string> | null {
  const want = pattern.split('/').filter(Boolean);
  const have = at.split('/').filter(Boolean);
  if (want.length !== have.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(have[i]!);
    else if (part !== have[i]) return null;
  }
  return params;
}
