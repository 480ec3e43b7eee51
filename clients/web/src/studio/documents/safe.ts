/** HTML of the server as nodes of the page: only what a text needs is taken over, whatever else it may say. */
const TAGS = new Set(
  (
    'a b blockquote br code del div em h1 h2 h3 h4 h5 h6 hr i img input ins label li mark ol p pre s span strong sub ' +
    'sup table tbody td th thead tr u ul'
  ).split(' '),
);
const ATTRIBUTES: Record<string, readonly string[]> = {
  a: ['href'],
  img: ['src', 'alt', 'width', 'height'],
  input: ['type', 'checked'],
  ol: ['start'],
  td: ['colspan', 'rowspan'],
  th: ['colspan', 'rowspan', 'scope'],
  ul: ['data-type'],
  li: ['data-type', 'data-checked'],
};
/** Their contents are no text. */
const GONE = new Set(['script', 'style', 'template', 'iframe', 'object', 'embed', 'noscript', 'svg', 'math']);

const isAddress = (address: string): boolean => /^(https?:|mailto:|\/(?!\/)|#)/i.test(address.trim());
const isPicture = (address: string): boolean => /^\/(?!\/)/.test(address.trim());

function copy(from: Node, into: Node): void {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) into.appendChild(document.createTextNode(child.nodeValue ?? ''));
    if (!(child instanceof Element)) continue;
    const tag = child.localName;
    if (GONE.has(tag)) continue;
    if (!TAGS.has(tag)) {
      copy(child, into);
      continue;
    }
    // A page has one title, and it is not this one.
    const made = document.createElement(tag === 'h1' ? 'h2' : tag);
    for (const name of ATTRIBUTES[tag] ?? []) {
      const value = child.getAttribute(name);
      if (value === null) continue;
      if (name === 'href' && !isAddress(value)) continue;
      if (name === 'src' && !isPicture(value)) continue;
      made.setAttribute(name, value);
    }
    if (made instanceof HTMLAnchorElement) {
      made.target = '_blank';
      made.rel = 'noopener noreferrer nofollow';
    }
    if (made instanceof HTMLInputElement) {
      if (made.type !== 'checkbox') continue;
      made.disabled = true;
      made.setAttribute('aria-label', child.closest('li')?.textContent?.trim().slice(0, 80) ?? '');
    }
    copy(child, made);
    into.appendChild(made);
  }
}

export function nodesOf(html: string): DocumentFragment {
  const from = new DOMParser().parseFromString(html, 'text/html').body;
  const into = document.createDocumentFragment();
  copy(from, into);
  return into;
}
