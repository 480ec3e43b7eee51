/** What a shape looks like, as pieces that the screen, an image and a file are made of. Pure. */
import { getStroke } from 'perfect-freehand';
import { isLine, type Color, type Shape } from './shapes';
import { LINE, within, wrapped, type Measure } from './words';

/** A colour of the theme: as it is, or as a light ground for words. */
export interface Paint {
  readonly color: Color;
  readonly tint: boolean;
}

export type Piece =
  | { readonly tag: 'path'; readonly d: string; readonly fill: Paint | null; readonly line: Paint | null; readonly width: number }
  | { readonly tag: 'words'; readonly x: number; readonly y: number; readonly size: number; readonly lines: readonly string[]; readonly middle: boolean; readonly paint: Paint }
  | { readonly tag: 'image'; readonly href: string; readonly width: number; readonly height: number }; // prettier-ignore

const full = (color: Color): Paint => ({ color, tint: false });
const tint = (color: Color): Paint => ({ color, tint: true });
const n = (value: number): string => String(Math.round(value * 100) / 100);

/** Around words in a box. */
export const PADDING = 14;
/** How large the words of a text are, by its stroke. */
export const textSize = (stroke: number): number => (stroke >= 8 ? 52 : stroke >= 4 ? 32 : 22);

/** The lines of a text that stands alone. */
export const textLines = (shape: Shape, measure: Measure): string[] =>
  wrapped(shape.text, Math.max(40, shape.width), textSize(shape.stroke), measure);
export const textHeight = (shape: Shape, measure: Measure): number =>
  Math.ceil(textLines(shape, measure).length * textSize(shape.stroke) * LINE);

/** The outline of a pen's stroke. */
export function penPath(points: readonly number[], stroke: number, done: boolean): string {
  const places: [number, number, number][] = [];
  let pressed = false;
  for (let i = 0; i + 2 < points.length; i += 3) {
    places.push([points[i]!, points[i + 1]!, points[i + 2]!]);
    pressed ||= points[i + 2] !== 0.5;
  }
  const outline = getStroke(places, {
    size: stroke * 2.2 + 1,
    thinning: 0.5,
    smoothing: 0.5,
    streamline: 0.3,
    simulatePressure: !pressed,
    last: done,
  });
  if (outline.length < 3) return '';
  let d = `M${n(outline[0]![0]!)} ${n(outline[0]![1]!)}Q`;
  outline.forEach(([x, y], i) => {
    const [nx, ny] = outline[(i + 1) % outline.length]!;
    d += `${n(x!)} ${n(y!)} ${n((x! + nx!) / 2)} ${n((y! + ny!) / 2)} `;
  });
  return `${d.trimEnd()}Z`;
}

function linePath({ kind, points, stroke }: Shape): string {
  let d = '';
  for (let i = 0; i + 1 < points.length; i += 3) d += `${i ? 'L' : 'M'}${n(points[i]!)} ${n(points[i + 1]!)}`;
  const last = points.length - 3;
  if (kind !== 'arrow' || last < 3) return d;
  const [x, y] = [points[last]!, points[last + 1]!];
  const angle = Math.atan2(y - points[last - 2]!, x - points[last - 3]!);
  const long = 10 + stroke * 3;
  const side = (turn: number) => `${n(x - long * Math.cos(angle + turn))} ${n(y - long * Math.sin(angle + turn))}`;
  return `${d}M${side(0.5)}L${n(x)} ${n(y)}L${side(-0.5)}`;
}

function boxPath(width: number, height: number): string {
  const r = Math.min(6, width / 2, height / 2);
  const arc = (x: number, y: number) => `a${n(r)} ${n(r)} 0 0 1 ${n(x)} ${n(y)}`;
  return `M${n(r)} 0H${n(width - r)}${arc(r, r)}V${n(height - r)}${arc(-r, r)}H${n(r)}${arc(-r, -r)}V${n(r)}${arc(r, -r)}Z`;
}

function ellipsePath(width: number, height: number): string {
  const [rx, ry] = [width / 2, height / 2];
  return `M0 ${n(ry)}a${n(rx)} ${n(ry)} 0 1 1 ${n(width)} 0a${n(rx)} ${n(ry)} 0 1 1 ${n(-width)} 0Z`;
}

function words(shape: Shape, measure: Measure): Piece[] {
  if (shape.text === '') return [];
  if (shape.kind === 'text') {
    const size = textSize(shape.stroke);
    return [
      { tag: 'words', x: 0, y: size, size, lines: textLines(shape, measure), middle: false, paint: full(shape.color) },
    ];
  }
  // In an ellipse words have the box that fits into it.
  const part = shape.kind === 'ellipse' ? 0.7 : 1;
  const [width, height] = [shape.width * part - 2 * PADDING, shape.height * part - 2 * PADDING];
  const { size, lines } = within(shape.text, Math.max(20, width), Math.max(12, height), measure);
  const middle = shape.kind !== 'note';
  const high = lines.length * size * LINE;
  const top = middle ? (shape.height - high) / 2 : PADDING;
  return [
    { tag: 'words', x: middle ? shape.width / 2 : PADDING, y: top + size, size, lines, middle, paint: full('ink') },
  ];
}

export function pieces(shape: Shape, measure: Measure, done = true): Piece[] {
  const ink = full(shape.color);
  if (shape.kind === 'pen')
    return [{ tag: 'path', d: penPath(shape.points, shape.stroke, done), fill: ink, line: null, width: 0 }];
  if (isLine(shape.kind)) return [{ tag: 'path', d: linePath(shape), fill: null, line: ink, width: shape.stroke }];
  if (shape.kind === 'image') {
    if (shape.file) return [{ tag: 'image', href: shape.file, width: shape.width, height: shape.height }];
    return [{ tag: 'path', d: boxPath(shape.width, shape.height), fill: null, line: ink, width: 1 }];
  }
  if (shape.kind === 'text') return words(shape, measure);
  const note = shape.kind === 'note';
  const d = (shape.kind === 'ellipse' ? ellipsePath : boxPath)(shape.width, shape.height);
  const fill = note ? tint(shape.color) : shape.fill && tint(shape.fill);
  return [{ tag: 'path', d, fill, line: ink, width: note ? 1 : shape.stroke }, ...words(shape, measure)];
}

/** Where the pieces go. */
export const placeOf = (shape: Shape): string =>
  `translate(${n(shape.x)} ${n(shape.y)})${shape.rotation ? ` rotate(${n(shape.rotation)} ${n(shape.width / 2)} ${n(shape.height / 2)})` : ''}`;
