/** Pointers on the board: what a mouse, a finger or a pen does with the tool in hand. */
import type { Desk } from './desk.svelte';
import { around, between, boxOf, holds, lineFrom, meet, pulled, thinned, toBoard, wiped, zoomedAt } from './geometry';
import type { Box, Camera, Corner, Point } from './geometry';
import { isLine, MOST_POINTS, type Kind, type Shape } from './shapes';

type Gesture =
  | { readonly what: 'pan'; last: Point; readonly from: Point; readonly taps: boolean }
  | { readonly what: 'pen'; places: number[]; readonly id: string }
  | { readonly what: 'shape'; readonly kind: Kind; readonly from: Point; readonly start: Point; to: Point | null }
  | { readonly what: 'move'; readonly from: Point; readonly start: Point; readonly again: Shape | null; moved: boolean }
  | { readonly what: 'resize'; readonly corner: Corner; readonly from: Point; readonly box: Box; to: Box }
  | { readonly what: 'marquee'; readonly from: Point; readonly kept: ReadonlySet<string> }
  | { readonly what: 'wipe'; last: Point }
  | { readonly what: 'pinch'; readonly camera: Camera; readonly middle: Point; readonly apart: number };

/** So far a finger may slip and still mean the place. */
const SLIP = 6;
const REACH = { mouse: 6, pen: 8, touch: 16 } as const;
const reachOf = (event: PointerEvent): number => REACH[event.pointerType as keyof typeof REACH] ?? REACH.touch;

export class Hand {
  readonly #desk: Desk;
  readonly #newId: () => string;
  readonly #element: Element;
  readonly #fingers = new Map<number, Point>();
  #gesture: Gesture | null = null;
  #pointer: number | null = null;
  /** Whoever has a pen draws with it, and moves the sheet with a finger. */
  #pen = false;
  /** While the space bar is held. */
  grabbing = false;

  constructor(desk: Desk, element: Element, newId: () => string) {
    this.#desk = desk;
    this.#element = element;
    this.#newId = newId;
  }

  #place(event: { clientX: number; clientY: number }): Point {
    const { left, top } = this.#element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  down(event: PointerEvent): void {
    const start = this.#place(event);
    if (event.pointerType === 'touch') this.#fingers.set(event.pointerId, start);
    if (this.#fingers.size === 2) return this.#pinch();
    if (this.#gesture) return;
    this.#pen ||= event.pointerType === 'pen';
    this.#element.setPointerCapture?.(event.pointerId);
    this.#pointer = event.pointerId;
    this.#gesture = this.#begin(event, start);
  }

  #begin(event: PointerEvent, start: Point): Gesture | null {
    const desk = this.#desk;
    const from = toBoard(desk.camera, start);
    const tool = desk.editable ? desk.tool : 'select';
    const pan: Gesture = { what: 'pan', last: start, from: start, taps: false };
    if (event.button === 1 || this.grabbing || (this.#pen && event.pointerType === 'touch')) return pan;
    if (event.button !== 0) return null;
    if (tool === 'select') return this.#choose(event, start, from);
    desk.select([]);
    if (tool === 'pen') {
      const gesture: Gesture = { what: 'pen', places: [from.x, from.y, pressure(event)], id: this.#newId() };
      this.#ink(gesture);
      return gesture;
    }
    if (tool === 'eraser') {
      this.#wipe(from, from, reachOf(event));
      return { what: 'wipe', last: from };
    }
    return { what: 'shape', kind: tool, from, start, to: null };
  }

  #choose(event: PointerEvent, start: Point, from: Point): Gesture {
    const desk = this.#desk;
    const hit = desk.at(from, reachOf(event));
    if (!hit) {
      if (event.pointerType === 'touch') return { what: 'pan', last: start, from: start, taps: true };
      const kept = event.shiftKey ? desk.selection : new Set<string>();
      desk.select(kept);
      return { what: 'marquee', from, kept };
    }
    const again = desk.selection.size === 1 && desk.selection.has(hit.id) ? hit : null;
    if (event.shiftKey) desk.toggle(hit.id);
    else if (!desk.selection.has(hit.id)) desk.select([hit.id]);
    return { what: 'move', from, start, again, moved: false };
  }

  /** A corner of the selection was taken. */
  pull(event: PointerEvent, corner: Corner): void {
    const box = around(this.#desk.loose.map(boxOf));
    if (!box || this.#gesture || !this.#desk.editable) return;
    this.#element.setPointerCapture?.(event.pointerId);
    this.#pointer = event.pointerId;
    const from = toBoard(this.#desk.camera, this.#place(event));
    this.#gesture = { what: 'resize', corner, from, box, to: box };
  }

  move(event: PointerEvent): void {
    const desk = this.#desk;
    const at = this.#place(event);
    const place = toBoard(desk.camera, at);
    if (this.#fingers.has(event.pointerId)) this.#fingers.set(event.pointerId, at);
    if (event.pointerType !== 'touch' || this.#gesture) desk.point(place);
    const gesture = this.#gesture;
    if (!gesture) return;
    if (gesture.what === 'pinch') return this.#pinched(gesture);
    if (event.pointerId !== this.#pointer) return;
    switch (gesture.what) {
      case 'pan':
        desk.pan(at.x - gesture.last.x, at.y - gesture.last.y);
        gesture.last = at;
        break;
      case 'pen':
        this.#stroke(gesture, event);
        break;
      case 'shape':
        if (far(at, gesture.start)) gesture.to = event.shiftKey ? straight(gesture.kind, gesture.from, place) : place;
        if (gesture.to) this.#preview(gesture.kind, gesture.from, gesture.to);
        break;
      case 'move':
        gesture.moved ||= far(at, gesture.start);
        if (gesture.moved && desk.editable && desk.loose.length > 0)
          desk.carry({ x: place.x - gesture.from.x, y: place.y - gesture.from.y });
        break;
      case 'resize':
        gesture.to = this.#pulled(gesture, place, event.shiftKey);
        desk.marquee = gesture.to;
        break;
      case 'marquee':
        this.#lasso(gesture, place);
        break;
      case 'wipe':
        this.#wipe(gesture.last, place, reachOf(event));
        gesture.last = place;
    }
  }

  up(event: PointerEvent): void {
    this.#fingers.delete(event.pointerId);
    const gesture = this.#gesture;
    if (gesture?.what === 'pinch') {
      if (this.#fingers.size === 0) this.#gesture = null;
      return;
    }
    if (!gesture || event.pointerId !== this.#pointer) return;
    this.#gesture = null;
    this.#pointer = null;
    this.#finish(gesture, event);
  }

  /** The system took the pointer away: as if nothing had been. */
  cancel(event?: PointerEvent): void {
    if (event) this.#fingers.delete(event.pointerId);
    this.#gesture = null;
    this.#pointer = null;
    const desk = this.#desk;
    desk.drawing = desk.marquee = null;
    desk.wiped = new Set();
    if (desk.shift) desk.carry(null);
    desk.sketch(null);
  }

  get busy(): boolean {
    return this.#gesture !== null;
  }

  #finish(gesture: Gesture, event: PointerEvent): void {
    const desk = this.#desk;
    if (gesture.what === 'pen') this.#dry(gesture);
    else if (gesture.what === 'shape') {
      desk.drawing = null;
      desk.sketch(null);
      desk.added(desk.add([desk.draftOf(gesture.kind, gesture.from, gesture.to)]));
    } else if (gesture.what === 'move') {
      const { shift } = desk;
      const shapes = desk.loose;
      if (shift) desk.moveBy(shift.x, shift.y, shapes);
      desk.carry(null);
      // A second tap on the same means its words.
      if (!gesture.moved && gesture.again && event.pointerType !== 'mouse') desk.edit(gesture.again.id);
    } else if (gesture.what === 'resize') {
      desk.marquee = null;
      if (gesture.to !== gesture.box) desk.stretch(gesture.box, gesture.to);
    } else if (gesture.what === 'marquee') desk.marquee = null;
    else if (gesture.what === 'wipe') {
      desk.remove(desk.wiped);
      desk.wiped = new Set();
    } else if (gesture.what === 'pan' && gesture.taps && !far(gesture.last, gesture.from)) desk.select([]);
  }

  // --- drawing

  #stroke(gesture: Gesture & { what: 'pen' }, event: PointerEvent): void {
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length > 0 ? all : [event]) {
      const { x, y } = toBoard(this.#desk.camera, this.#place(each));
      const last = gesture.places.length - 3;
      const [px, py] = [gesture.places[last]!, gesture.places[last + 1]!];
      if (Math.hypot(x - px, y - py) * this.#desk.camera.zoom >= 1) gesture.places.push(x, y, pressure(each));
    }
    this.#ink(gesture);
    // What is too long for one goes on as another.
    if (gesture.places.length < MOST_POINTS * 3 * 2) return;
    const end = gesture.places.slice(-3);
    this.#dry(gesture);
    this.#gesture = { what: 'pen', places: end, id: this.#newId() };
  }

  #ink({ places, id }: Gesture & { what: 'pen' }): void {
    const { color, stroke } = this.#desk;
    this.#desk.drawing = { ...shapeLike('pen'), id, color, stroke, points: [...places] };
    this.#desk.sketch({ id, kind: 'pen', color, stroke, points: places });
  }

  #dry({ places }: Gesture & { what: 'pen' }): void {
    const desk = this.#desk;
    let slack = 0.4 / desk.camera.zoom;
    let kept = thinned(places, slack);
    while (kept.length > MOST_POINTS * 3) kept = thinned(kept, (slack *= 2));
    const { color, stroke } = desk;
    desk.add([{ kind: 'pen', color, stroke, ...lineFrom(kept) }]);
    desk.drawing = null;
    desk.sketch(null);
  }

  #preview(kind: Kind, from: Point, to: Point): void {
    const desk = this.#desk;
    const draft = desk.draftOf(kind, from, to);
    desk.drawing = { ...shapeLike(kind), ...draft, id: 'drawing' };
    const points = [from.x, from.y, 0.5, to.x, to.y, 0.5];
    desk.sketch({ id: 'drawing', kind, color: draft.color ?? 'ink', stroke: draft.stroke ?? 2, points });
  }

  #wipe(from: Point, to: Point, reach: number): void {
    const desk = this.#desk;
    const hit = desk.board.order.filter(
      (shape) => !shape.locked && !desk.wiped.has(shape.id) && wiped(shape, from, to, reach / desk.camera.zoom),
    );
    if (hit.length > 0) desk.wiped = new Set([...desk.wiped, ...hit.map(({ id }) => id)]);
  }

  // --- selecting

  #lasso(gesture: Gesture & { what: 'marquee' }, place: Point): void {
    const desk = this.#desk;
    const box = between(gesture.from, place);
    desk.marquee = box;
    const inBox = desk.board.order.filter((shape) => {
      const own = boxOf(shape);
      // What is hollow or long is meant when it is in there as a whole.
      return shape.fill || shape.text ? meet(box, own) : holds(box, own);
    });
    desk.select([...gesture.kept, ...inBox.map(({ id }) => id)]);
  }

  #pulled({ box, corner, from }: Gesture & { what: 'resize' }, place: Point, shift: boolean): Box {
    const by = { x: place.x - from.x, y: place.y - from.y };
    const keep = shift || this.#desk.loose.some(({ kind }) => kind === 'image');
    return pulled(box, corner, by, keep);
  }

  // --- two fingers

  #pinch(): void {
    const gesture = this.#gesture;
    // A stroke that had only just begun was none.
    if (gesture && gesture.what !== 'pinch') this.cancel();
    const [a, b] = [...this.#fingers.values()] as [Point, Point];
    this.#gesture = { what: 'pinch', camera: this.#desk.camera, middle: half(a, b), apart: apart(a, b) };
  }

  #pinched({ camera, middle, apart: before }: Gesture & { what: 'pinch' }): void {
    const [a, b] = [...this.#fingers.values()];
    if (!a || !b) return;
    const now = half(a, b);
    const zoomed = zoomedAt(camera, middle, camera.zoom * (apart(a, b) / Math.max(1, before)));
    const by = { x: (now.x - middle.x) / zoomed.zoom, y: (now.y - middle.y) / zoomed.zoom };
    this.#desk.camera = { ...zoomed, x: zoomed.x - by.x, y: zoomed.y - by.y };
  }
}

const far = (a: Point, b: Point): boolean => Math.hypot(a.x - b.x, a.y - b.y) > SLIP;
const half = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const apart = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
/** A mouse presses the same always, which is taken as pressing by speed. */
const pressure = (event: PointerEvent): number =>
  event.pointerType === 'pen' && event.pressure ? event.pressure : 0.5;

/** With shift: lines at right or half angles, boxes as squares. */
function straight(kind: Kind, from: Point, to: Point): Point {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (isLine(kind)) {
    const angle = (Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * Math.PI) / 4;
    const long = Math.hypot(dx, dy);
    return { x: from.x + long * Math.cos(angle), y: from.y + long * Math.sin(angle) };
  }
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return { x: from.x + side * Math.sign(dx || 1), y: from.y + side * Math.sign(dy || 1) };
}

/** A shape of which nothing is known but the kind. */
export const shapeLike = (kind: Kind): Shape => ({
  id: '', kind, x: 0, y: 0, width: 0, height: 0, rotation: 0, points: [], color: 'ink', fill: null, stroke: 2, text: '',
  file: null, locked: false, order: '',
}); // prettier-ignore
