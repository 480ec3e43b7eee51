/** What every page must stand: axe in both themes, and a narrow window without a horizontal scroll bar. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

interface Found {
  id: string;
  help: string;
  nodes: { target: unknown[]; failureSummary?: string }[];
}

/** Violations as lines that can be read in a report. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(`${AXE};0`);
  const found = await page.evaluate(async (tags) => {
    const axe = (window as unknown as { axe: { run: (d: Document, o: object) => Promise<{ violations: Found[] }> } })
      .axe;
    return (await axe.run(document, { runOnly: tags, resultTypes: ['violations'] })).violations;
  }, TAGS);
  return found.flatMap((v) =>
    v.nodes.map((n) => `${v.id}: ${v.help} at ${n.target.join(' ')} ${n.failureSummary ?? ''}`),
  );
}

export const overflow = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const root = document.documentElement;
    const panes = [...document.querySelectorAll('.pane')].filter((pane) => pane.scrollWidth > pane.clientWidth + 1);
    if (panes.length > 0) return panes.map((pane) => `${pane.className}: ${pane.scrollWidth} > ${pane.clientWidth}`);
    if (root.scrollWidth <= root.clientWidth) return [];
    const wide = [...document.querySelectorAll('body *')].filter(
      (e) => e.getBoundingClientRect().right > innerWidth + 1,
    );
    return [`${root.scrollWidth} > ${root.clientWidth}`, ...wide.slice(0, 4).map((e) => e.outerHTML.slice(0, 120))];
  });

export async function examine(page: Page, what: string, narrow = true): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    expect.soft(await violations(page), `${what}, ${scheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const before = page.viewportSize();
  if (!narrow || !before) return;
  await page.setViewportSize({ width: 320, height: 640 });
  expect.soft(await overflow(page), `${what}, 320 pixels wide`).toEqual([]);
  await page.setViewportSize(before);
}
