/** A board as a picture: SVG and PNG, in the colours that are on the screen. */
import { pieces, placeOf, type Paint, type Piece } from './draw';
import { around, boxOf, grown, type Box } from './geometry';
import type { Color, Shape } from './shapes';
import { LINE, type Measure } from './words';

/** What the colours are right now. */
export interface Palette {
  readonly surface: string;
  readonly colors: Readonly<Record<Color, string>>;
  /** What tints are mixed of. */
  readonly fills: Readonly<Record<Color, string>>;
}

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const MARGIN = 32;
/** As much as every browser draws. */
const MOST_PIXELS = 16_000_000;
const MOST_SIDE = 8_000;

const hex = (color: string): number[] => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/** How much of a colour is in its tint; the style sheet has the same number. */
export const TINT = 0.26;

/** A mixture of two colours as #rrggbb. */
export function mixed(color: string, ground: string, part = TINT): string {
  const [a, b] = [hex(color), hex(ground)];
  return `#${a
    .map((value, i) =>
      Math.round(value * part + b[i]! * (1 - part))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

const colorOf = (paint: Paint, palette: Palette): string =>
  paint.tint ? mixed(palette.fills[paint.color], palette.surface) : palette.colors[paint.color];

/** The colours of the page as it is. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const named = (name: string) => style.getPropertyValue(name).trim();
  const six = (of: string) => ({
    1: named(`${of}1`),
    2: named(`${of}2`),
    3: named(`${of}3`),
    4: named(`${of}4`),
    5: named(`${of}5`),
    6: named(`${of}6`),
  });
  return {
    surface: named('--surface'),
    colors: { ink: named('--text'), ...six('--series-text-') },
    fills: { ink: named('--text'), ...six('--series-') },
  };
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[^\P{Cc}\t\n]/gu, '');

function svgPiece(piece: Piece, palette: Palette): string {
  const of = (paint: Paint | null) => (paint ? colorOf(paint, palette) : 'none');
  if (piece.tag === 'path') {
    const line = piece.line
      ? ` stroke="${of(piece.line)}" stroke-width="${piece.width}" stroke-linecap="round" stroke-linejoin="round"`
      : '';
    return `<path d="${piece.d}" fill="${of(piece.fill)}"${line}/>`;
  }
  if (piece.tag === 'image')
    return `<image href="${escaped(new URL(piece.href, location.href).href)}" width="${piece.width}" height="${piece.height}" preserveAspectRatio="xMidYMid meet"/>`;
  const lines = piece.lines.map(
    (line, i) => `<tspan x="${piece.x}" y="${piece.y + i * piece.size * LINE}">${escaped(line)}</tspan>`,
  );
  return `<text font-size="${piece.size}" fill="${of(piece.paint)}"${piece.middle ? ' text-anchor="middle"' : ''} xml:space="preserve">${lines.join('')}</text>`;
}

/** What the picture shows: all shapes with a margin; a small empty sheet where there are none. */
export function frameOf(shapes: readonly Shape[]): Box {
  const box = around(shapes.map((shape) => grown(boxOf(shape), shape.stroke * 2)));
  return grown(box ?? { x: 0, y: 0, width: 320, height: 200 }, MARGIN);
}

export function toSvg(shapes: readonly Shape[], title: string, palette: Palette, measure: Measure): string {
  const { x, y, width, height } = frameOf(shapes);
  const drawn = shapes.map(
    (shape) =>
      `<g transform="${placeOf(shape)}">${pieces(shape, measure)
        .map((piece) => svgPiece(piece, palette))
        .join('')}</g>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}" font-family="${escaped(FONT)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${palette.surface}"/>`,
    ...drawn,
    '</svg>',
  ].join('\n');
}

function paintPiece(context: CanvasRenderingContext2D, piece: Piece, palette: Palette, images: Images): void {
  if (piece.tag === 'path') {
    const path = new Path2D(piece.d);
    if (piece.fill) {
      context.fillStyle = colorOf(piece.fill, palette);
      context.fill(path);
    }
    if (piece.line) {
      context.strokeStyle = colorOf(piece.line, palette);
      context.lineWidth = piece.width;
      context.lineCap = context.lineJoin = 'round';
      context.stroke(path);
    }
  } else if (piece.tag === 'image') {
    const image = images.get(piece.href);
    if (image) context.drawImage(image, 0, 0, piece.width, piece.height);
  } else {
    context.fillStyle = colorOf(piece.paint, palette);
    context.font = `${piece.size}px ${FONT}`;
    context.textAlign = piece.middle ? 'center' : 'left';
    piece.lines.forEach((line, i) => context.fillText(line, piece.x, piece.y + i * piece.size * LINE));
  }
}

type Images = ReadonlyMap<string, HTMLImageElement>;

async function fetched(shapes: readonly Shape[]): Promise<Images> {
  const hrefs = [...new Set(shapes.flatMap((shape) => (shape.file ? [shape.file] : [])))];
  const loaded = hrefs.map(async (href) => {
    const image = new Image();
    image.src = href;
    // One that is gone leaves a gap.
    return image.decode().then(() => [href, image] as const, () => null); // prettier-ignore
  });
  return new Map((await Promise.all(loaded)).filter((pair) => pair !== null));
}

/** Twice as large as on the board, or as large as it can be. */
export async function toPng(shapes: readonly Shape[], palette: Palette, measure: Measure): Promise<Blob | null> {
  const frame = frameOf(shapes);
  const scale = Math.min(
    2,
    Math.sqrt(MOST_PIXELS / (frame.width * frame.height)),
    MOST_SIDE / frame.width,
    MOST_SIDE / frame.height,
  );
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.floor(frame.width * scale));
  canvas.height = Math.max(1, Math.floor(frame.height * scale));
  const context = canvas.getContext('2d');
  if (!context) return null;
  const images = await fetched(shapes);
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const shape of shapes) {
    context.setTransform(scale, 0, 0, scale, (shape.x - frame.x) * scale, (shape.y - frame.y) * scale);
    if (shape.rotation) {
      context.translate(shape.width / 2, shape.height / 2);
      context.rotate((shape.rotation * Math.PI) / 180);
      context.translate(-shape.width / 2, -shape.height / 2);
    }
    for (const piece of pieces(shape, measure)) paintPiece(context, piece, palette, images);
  }
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

/** Hands a file to whoever sits here. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A title as the name of a file. */
export const fileName = (title: string): string =>
  title
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 80) || 'board';
