/** Single-key shortcuts: never while typing, never on top of a key a control needs itself, and they can be turned off. */
const STORED = 'atelier.shortcuts';

class Keys {
  on = $state(stored());

  set(on: boolean): void {
    this.on = on;
    try {
      localStorage.setItem(STORED, on ? 'on' : 'off');
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  }
}

function stored(): boolean {
  try {
    return localStorage.getItem(STORED) !== 'off';
  } catch {
    return true;
  }
}

export const keys = new Keys();

export type Shortcut = 'next' | 'previous' | 'open' | 'close' | 'reveal' | 'highlight' | 'help';

const KEYS: Record<string, Shortcut> = {
  ' ': 'next',
  ArrowRight: 'next',
  ArrowLeft: 'previous',
  o: 'open',
  c: 'close',
  r: 'reveal',
  h: 'highlight',
  '?': 'help',
};

const TYPING = 'input, textarea, select, [contenteditable=""], [contenteditable="true"]';
const PRESSABLE = 'button, a[href], summary, [role="tab"], [role="button"]';

/** The shortcut meant by a key press, or null when the key belongs to somebody else. */
export function shortcutOf(event: KeyboardEvent): Shortcut | null {
  if (
    !keys.on ||
    event.defaultPrevented ||
    event.isComposing ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.repeat
  )
    return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(TYPING)) return null;
  if (target?.closest('dialog[open]') || document.querySelector('dialog[open]')) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === ' ' && target?.closest(PRESSABLE)) return null;
  if (key.startsWith('Arrow') && target?.closest('[role="tablist"], [role="radiogroup"]')) return null;
  return KEYS[key] ?? null;
}
