/** Light, dark, or as the system says; remembered per kind of page (a projector's choice is not the phone's). */
export type Theme = 'light' | 'dark' | 'system';

function read(key: string): Theme {
  try {
    const stored = localStorage.getItem(key);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Puts the remembered theme on the page and gives it back. */
export function restoreTheme(key = 'atelier.theme'): Theme {
  const theme = read(key);
  apply(theme);
  return theme;
}

export function setTheme(theme: Theme, key = 'atelier.theme'): void {
  apply(theme);
  try {
    if (theme === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** What is on the screen now. */
export function shownTheme(): 'light' | 'dark' {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return globalThis.matchMedia?.('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
