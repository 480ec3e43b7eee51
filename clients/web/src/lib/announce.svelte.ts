/** What the page's one status region says. Rare by design: my own result, a poll opening or closing, the connection. */
let text = $state.raw('');
let turn = 0;

export function announced(): string {
  return text;
}

/** Says `message` to assistive technology; the same words twice in a row are said twice. */
export function announce(message: string): void {
  turn += 1;
  text = turn % 2 === 0 ? `${message}\u00a0` : message;
}
