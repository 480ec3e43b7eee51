/**
 * The shapes on the screen: one SVG group for each that is seen, and only what has changed is drawn again. The sheet they
 * lie on is a layer of its own, larger than what is seen: looking elsewhere moves the layer, and draws nothing.
 */
import type { Board, News } from './board';
import { pieces, placeOf, type Paint, type Piece } from './draw';
import { boxOf, grown, meet, type Box, type Camera, type Point } from './geometry';
import type { Shape } from './shapes';
import { LINE, type Measure } from './words';

const SVG = 'http://www.w3.org/2000/svg';

interface Drawn {
  readonly group: SVGGElement;
  /** What it was drawn from, but for its place. */
  shape: Shape;
  place: string;
}

function dyed(element: SVGElement, paint: Paint | null, how: 'fill' | 'line'): void {
  element.classList.add(paint ? `${how}-${paint.tint ? 'tint' : 'full'}` : `${how}-none`);
  // Grounds and lines of one shape have the same colour: the theme's variables come with the series.
  if (paint && paint.color !== 'ink') element.dataset.series = paint.color;
}

function made(piece: Piece): SVGElement {
  if (piece.tag === 'path') {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', piece.d);
    dyed(path, piece.fill, 'fill');
    dyed(path, piece.line, 'line');
    if (piece.line) path.setAttribute('stroke-width', String(piece.width));
    return path;
  }
  if (piece.tag === 'image') {
    const image = document.createElementNS(SVG, 'image');
    image.setAttribute('href', piece.href);
    image.setAttribute('width', String(piece.width));
    image.setAttribute('height', String(piece.height));
    return image;
  }
  const text = document.createElementNS(SVG, 'text');
  text.setAttribute('font-size', String(piece.size));
  if (piece.middle) text.setAttribute('text-anchor', 'middle');
  dyed(text, piece.paint, 'fill');
  piece.lines.forEach((line, i) => {
    const span = document.createElementNS(SVG, 'tspan');
    span.setAttribute('x', String(piece.x));
    span.setAttribute('y', String(piece.y + i * piece.size * LINE));
    span.textContent = line;
    text.append(span);
  });
  return text;
}

/** Puts a shape's pieces into a group. */
export function fillGroup(group: SVGGElement, shape: Shape, measure: Measure, done = true): void {
  group.replaceChildren(...pieces(shape, measure, done).map(made));
}

export const newGroup = (): SVGGElement => document.createElementNS(SVG, 'g');

const looksTheSame = (a: Shape, b: Shape): boolean =>
  a.points === b.points || (a.points.length === b.points.length && a.points.every((value, i) => value === b.points[i]))
    ? a.kind === b.kind &&
      a.width === b.width &&
      a.height === b.height &&
      a.color === b.color &&
      a.fill === b.fill &&
      a.stroke === b.stroke &&
      a.text === b.text &&
      a.file === b.file
    : false;

/** So much of the sheet lies ready on each side, in pixels. */
const MARGIN = 600;
/** As long as somebody zooms, the layer is enlarged as it is; so long after that it is drawn sharp. */
const REST = 140;

export class Scene {
  readonly #board: Board;
  readonly #layer: SVGGElement;
  readonly #sheet: SVGSVGElement;
  readonly #measure: Measure;
  readonly #drawn = new Map<string, Drawn>();
  readonly #stop: () => void;
  /** What is drawn lies in here; more than is seen, so that a small move draws nothing. */
  #frame: Box = { x: 0, y: 0, width: 0, height: 0 };
  #zoom = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** Shapes that somebody is moving right now, here or elsewhere. */
  #shifts = new Map<string, Point>();
  /** The shape whose words are being typed in a field above it. */
  #hidden: string | null = null;
  #faded: ReadonlySet<string> = new Set();

  constructor(board: Board, layer: SVGGElement, measure: Measure) {
    this.#board = board;
    this.#layer = layer;
    this.#sheet = layer.ownerSVGElement!;
    this.#measure = measure;
    this.#stop = board.listen((news) => this.#follow(news));
  }

  destroy(): void {
    this.#stop();
    clearTimeout(this.#rest);
    this.#layer.replaceChildren();
    this.#drawn.clear();
  }

  /** How many shapes have elements. */
  get count(): number {
    return this.#drawn.size;
  }

  look(camera: Camera, size: { width: number; height: number }): void {
    clearTimeout(this.#rest);
    const seen = { x: camera.x, y: camera.y, width: size.width / camera.zoom, height: size.height / camera.zoom };
    const by = camera.zoom / this.#zoom;
    if (by < 0.5 || by > 2 || !within(this.#frame, seen)) this.#lay(camera.zoom, seen);
    else if (by !== 1) this.#rest = setTimeout(() => this.#lay(camera.zoom, seen), REST);
    this.#place(camera);
  }

  /** Draws the sheet around what is seen, in this size. */
  #lay(zoom: number, seen: Box): void {
    this.#zoom = zoom;
    const frame = (this.#frame = grown(seen, Math.min(MARGIN / zoom, Math.max(seen.width, seen.height) / 2)));
    this.#sheet.style.width = `${frame.width * zoom}px`;
    this.#sheet.style.height = `${frame.height * zoom}px`;
    this.#layer.setAttribute('transform', `scale(${zoom}) translate(${-frame.x} ${-frame.y})`);
    this.#place({ x: seen.x, y: seen.y, zoom });
    this.#drawAll();
  }

  /** Where the sheet lies: on whole pixels, so that it stays sharp. */
  #place({ x, y, zoom }: Camera): void {
    const dots = globalThis.devicePixelRatio || 1;
    const whole = (value: number) => Math.round(value * zoom * dots) / dots;
    const by = zoom === this.#zoom ? '' : ` scale(${zoom / this.#zoom})`;
    this.#sheet.style.transform = `translate(${whole(this.#frame.x - x)}px, ${whole(this.#frame.y - y)}px)${by}`;
  }

  /** Draws these elsewhere for a while; the others where they are. */
  shift(shifts: ReadonlyMap<string, Point>): void {
    const before = this.#shifts;
    this.#shifts = new Map(shifts);
    for (const id of new Set([...before.keys(), ...shifts.keys()])) {
      const drawn = this.#drawn.get(id);
      const shape = this.#board.get(id);
      if (drawn && shape) this.#put(drawn, shape);
    }
  }

  hideWords(id: string | null): void {
    for (const each of [this.#hidden, id]) {
      const group = each === null ? null : this.#drawn.get(each)?.group;
      group?.classList.toggle('typing', each === id);
    }
    this.#hidden = id;
  }

  /** What is about to be deleted is seen through. */
  fade(ids: ReadonlySet<string>): void {
    for (const id of new Set([...this.#faded, ...ids]))
      this.#drawn.get(id)?.group.classList.toggle('wiped', ids.has(id));
    this.#faded = ids;
  }

  #isSeen(shape: Shape): boolean {
    const box = grown(boxOf(shape), shape.stroke * 3 + (shape.rotation ? shape.width + shape.height : 0));
    return meet(this.#frame, box);
  }

  #put(drawn: Drawn, shape: Shape): void {
    const by = this.#shifts.get(shape.id);
    const place = placeOf(by ? { ...shape, x: shape.x + by.x, y: shape.y + by.y } : shape);
    if (place !== drawn.place) drawn.group.setAttribute('transform', place);
    drawn.place = place;
  }

  #draw(shape: Shape): Drawn {
    let drawn = this.#drawn.get(shape.id);
    if (!drawn) {
      const group = newGroup();
      group.dataset.shape = shape.id;
      drawn = { group, shape, place: '' };
      this.#drawn.set(shape.id, drawn);
      fillGroup(group, shape, this.#measure);
      if (this.#hidden === shape.id) group.classList.add('typing');
    } else if (!looksTheSame(drawn.shape, shape)) fillGroup(drawn.group, shape, this.#measure);
    drawn.shape = shape;
    this.#put(drawn, shape);
    return drawn;
  }

  #drop(id: string): void {
    this.#drawn.get(id)?.group.remove();
    this.#drawn.delete(id);
  }

  /** All that is seen, in its order; what is in its place already stays untouched. */
  #drawAll(): void {
    let next: ChildNode | null = this.#layer.firstChild;
    for (const shape of this.#board.order) {
      if (!this.#isSeen(shape)) {
        const gone = this.#drawn.get(shape.id);
        if (gone?.group === next) next = next.nextSibling;
        this.#drop(shape.id);
        continue;
      }
      const { group } = this.#draw(shape);
      if (group === next) next = next.nextSibling;
      else this.#layer.insertBefore(group, next);
    }
  }

  #follow({ changed, gone, ordered }: News): void {
    for (const id of gone) this.#drop(id);
    // One new stroke on top is by far the most common change, and must not cost a walk over all.
    const last = this.#board.order.at(-1);
    const onTop = changed.size === 1 && last && changed.has(last.id) && !this.#drawn.has(last.id);
    if (ordered && !onTop) return this.#drawAll();
    for (const id of changed) {
      const shape = this.#board.get(id);
      if (!shape || !this.#isSeen(shape)) this.#drop(id);
      else if (this.#drawn.has(id)) this.#draw(shape);
      else if (onTop) this.#layer.append(this.#draw(shape).group);
      else return this.#drawAll();
    }
  }
}

const within = (frame: Box, seen: Box): boolean =>
  seen.x >= frame.x &&
  seen.y >= frame.y &&
  seen.x + seen.width <= frame.x + frame.width &&
  seen.y + seen.height <= frame.y + frame.height;
