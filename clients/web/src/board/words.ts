/** Words in a box: SVG breaks no lines by itself. Pure but for the measuring, which is handed in. */

/** How wide a text is in a size. */
export type Measure = (text: string, size: number) => number;

export interface Lines {
  readonly size: number;
  readonly lines: readonly string[];
}

export const LINE = 1.3;
/** A guess that is never far off, where nothing can be measured. */
export const guess: Measure = (text, size) => text.length * size * 0.52;

function broken(word: string, width: number, size: number, measure: Measure): string[] {
  const parts: string[] = [];
  let part = '';
  for (const letter of word) {
    if (part && measure(part + letter, size) > width) {
      parts.push(part);
      part = '';
    }
    part += letter;
  }
  return [...parts, part];
}

/** The lines of a text that is `width` wide. */
export function wrapped(text: string, width: number, size: number, measure: Measure): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/(?<=\s)/)) {
      if (measure((line + word).trimEnd(), size) <= width) {
        line += word;
        continue;
      }
      if (line) lines.push(line.trimEnd());
      const parts = broken(word, width, size, measure);
      lines.push(...parts.slice(0, -1));
      line = parts.at(-1)!;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}

const SIZES = [22, 19, 16, 14, 12] as const;

/** The largest size in which a text fits into a box; in the smallest, what does not fit is cut off with dots. */
export function within(text: string, width: number, height: number, measure: Measure): Lines {
  let lines: string[] = [];
  for (const size of SIZES) {
    lines = wrapped(text, width, size, measure);
    if (lines.length * size * LINE <= height) return { size, lines };
  }
  const size = SIZES.at(-1)!;
  const most = Math.max(1, Math.floor(height / (size * LINE)));
  return { size, lines: [...lines.slice(0, most - 1), `${lines[most - 1] ?? ''} …`] };
}

/** What to change to make one text of the other: where, how many letters go, and what comes. */
export function change(from: string, to: string): { at: number; remove: number; insert: string } {
  const most = Math.min(from.length, to.length);
  let at = 0;
  while (at < most && from[at] === to[at]) at += 1;
  let end = 0;
  while (end < most - at && from[from.length - 1 - end] === to[to.length - 1 - end]) end += 1;
  // No letter of two halves is cut in two.
  if (at > 0 && /[\ud800-\udbff]/.test(from[at - 1]!)) at -= 1;
  if (end > 0 && /[\udc00-\udfff]/.test(from[from.length - end]!)) end -= 1;
  return { at, remove: from.length - at - end, insert: to.slice(at, to.length - end) };
}
