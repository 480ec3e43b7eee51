/** How large results may be so that all of them fit on one screen. Units are hundredths of the screen's height. */
export interface Fit {
  /** Font size. */
  em: number;
  columns: number;
  dense: boolean;
}

const LARGEST = 3.7;
const SMALLEST = 2.6;
/** Height of one row in em: roomy, dense, and what an earlier round adds. */
const ROOMY = 3.95;
const DENSE = 3.1;
const BEFORE = 1.4;

/** Width of the stage beside the door, and of a letter of a head and of a label in em. */
const WIDTH = 118;
const HEAD_LETTER = 0.56;
const LABEL_LETTER = 0.5;
/** What a bar needs beside its label, in em, and a second line of it. */
const BESIDE = 8;
const LINE = 1.25;

/** How high what stands above the results is. */
export function headHeight(text: string): number {
  const size = fitHead(text);
  const lines = Math.ceil((text.length * HEAD_LETTER * size) / WIDTH);
  return 10 + lines * size * 1.15;
}

/** Labels longer than two lines are cut; the whole text is on every phone. */
export function fitBars(labels: readonly string[], height: number, before: boolean): Fit {
  const extra = before ? BEFORE : 0;
  for (const columns of [1, 2, 3]) {
    const rows = Math.ceil(labels.length / columns);
    const room = WIDTH / columns / LARGEST - BESIDE;
    const long = labels.filter((label) => label.length * LABEL_LETTER > room).length / columns;
    const roomy = height / (rows * (ROOMY + extra) + Math.ceil(long) * LINE);
    if (roomy >= 3) return { em: Math.min(LARGEST, roomy), columns, dense: false };
    const dense = height / (rows * (DENSE + extra));
    if (dense >= SMALLEST) return { em: Math.min(LARGEST, dense), columns, dense: true };
  }
  return { em: SMALLEST, columns: 3, dense: true };
}

/** A head as large as its length allows. */
export function fitHead(text: string): number {
  const steps: [number, number][] = [
    [70, 6.2],
    [140, 5],
    [260, 4],
  ];
  return steps.find(([length]) => text.length <= length)?.[1] ?? 3;
}

/** A question or a text that fills the stage, and still fits when it is as long as it may be. */
export function fitProse(text: string, largest: number): number {
  const steps: [number, number][] = [
    [160, 6.2],
    [400, 4],
    [600, 3.2],
  ];
  return Math.min(largest, steps.find(([length]) => text.length <= length)?.[1] ?? 2.6);
}

/** Numbers that look random and are the same every time, so that a cloud does not jump. */
export function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let x = Math.imul(a ^ (a >>> 15), 1 | a);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The same series for a word wherever it stands. */
export function seriesOf(text: string): number {
  let hash = 7;
  for (const char of text.toLowerCase()) hash = (hash * 31 + char.codePointAt(0)!) % 100_003;
  return (hash % 6) + 1;
}
