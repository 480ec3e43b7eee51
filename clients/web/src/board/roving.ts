/** A toolbar is one stop on the way with Tab; inside it the arrow keys go from button to button. */

export function roving(bar: HTMLElement): () => void {
  const buttons = () => [...bar.querySelectorAll<HTMLElement>('button')];
  let current: HTMLElement | undefined;
  const settle = () => {
    const all = buttons();
    if (!current || !all.includes(current)) current = all.find((each) => each.ariaPressed === 'true') ?? all[0];
    for (const each of all) each.tabIndex = each === current ? 0 : -1;
  };
  const focused = ({ target }: FocusEvent) => {
    if (!(target instanceof HTMLElement) || !buttons().includes(target)) return;
    current = target;
    settle();
  };
  const keyed = (event: KeyboardEvent) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    all[(to + all.length) % all.length]?.focus();
  };
  const watcher = new MutationObserver(settle);
  watcher.observe(bar, { childList: true, subtree: true });
  bar.addEventListener('focusin', focused);
  bar.addEventListener('keydown', keyed);
  settle();
  return () => {
    watcher.disconnect();
    bar.removeEventListener('focusin', focused);
    bar.removeEventListener('keydown', keyed);
  };
}
