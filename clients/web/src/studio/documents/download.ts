/** A document as a file. */
import type { ContentFormat } from '@atelier/sdk';
import type { StudioApi } from '../lib/api';
import { errorText, lang } from '../lib/i18n';
import type { Notices } from '../lib/notices.svelte';

const KINDS = {
  markdown: ['md', 'text/markdown'],
  html: ['html', 'text/html'],
  json: ['json', 'application/json'],
  text: ['txt', 'text/plain'],
} as const satisfies Record<ContentFormat, readonly [string, string]>;

/** A title as the name of a file that every system takes. */
export function fileName(title: string, ending: string): string {
  const safe = title
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f<>:"/\\|?*\u007f]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 80);
  return `${safe.replace(/^\.+|\.+$/g, '') || 'document'}.${ending}`;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);

/** A part of a page as a page of its own, which says how its letters are to be read. */
export function wholePage(html: string, title: string, language: string): string {
  return [
    '<!doctype html>',
    `<html lang="${language}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title></head><body>`,
    html,
    '</body></html>\n',
  ].join('\n');
}

export async function download(
  api: StudioApi,
  document: string,
  format: ContentFormat,
  title: string,
  notices: Notices,
): Promise<void> {
  try {
    let content = await api.content(document, format);
    if (format === 'html') content = wholePage(content, title, lang());
    if (format === 'json') content = `${JSON.stringify(JSON.parse(content), null, 2)}\n`;
    const [ending, kind] = KINDS[format];
    const address = URL.createObjectURL(new Blob([content], { type: `${kind};charset=utf-8` }));
    const link = globalThis.document.createElement('a');
    link.href = address;
    link.download = fileName(title, ending);
    link.click();
    // The browser has begun to read it by then.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    notices.error(errorText(error));
  }
}
