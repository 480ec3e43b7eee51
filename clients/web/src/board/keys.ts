/** What the keys do while the drawing area has the focus: everything that a pointer does, but drawing by hand. */
import { TOOLS, type Desk, type Tool } from './desk.svelte';

const STEP = 10;
const WAY: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** The first letters of the English names, as other boards have them. */
const LETTERS: Readonly<Record<string, Tool>> = {
  v: 'select', p: 'pen', e: 'eraser', l: 'line', a: 'arrow', r: 'rectangle', o: 'ellipse', n: 'note', t: 'text',
}; // prettier-ignore

function withCommand(desk: Desk, event: KeyboardEvent): boolean {
  const way = WAY[event.key];
  if (way) desk.growBy(way[0] * STEP, way[1] * STEP);
  else if (event.key === 'a') desk.select(desk.board.shapes.keys());
  else if (event.key === 'd') desk.duplicate();
  else if (event.key === 'z') desk.session.step(event.shiftKey ? 'redo' : 'undo');
  else if (event.key === 'Z') desk.session.step('redo');
  else if (event.key === 'y') desk.session.step('redo');
  else return false;
  return true;
}

function moves(desk: Desk, event: KeyboardEvent): boolean {
  const way = WAY[event.key];
  if (!way) return false;
  const step = event.shiftKey ? 1 : STEP;
  if (desk.editable && desk.loose.length > 0) desk.moveBy(way[0] * step, way[1] * step);
  else desk.pan(-way[0] * 80, -way[1] * 80);
  desk.show([...desk.selection]);
  return true;
}

function enters(desk: Desk): void {
  const [only] = desk.chosen;
  const { tool } = desk;
  if (desk.editable && tool !== 'select' && tool !== 'pen' && tool !== 'eraser') desk.addMiddle(tool);
  else if (only && desk.selection.size === 1) desk.edit(only.id);
}

/** Whether the key meant something here. */
export function keyed(desk: Desk, event: KeyboardEvent, ontool: (tool: Tool) => void): boolean {
  if (event.altKey) return false;
  if (event.ctrlKey || event.metaKey) return withCommand(desk, event);
  if (moves(desk, event)) return true;
  switch (event.key) {
    case 'Enter':
      enters(desk);
      return true;
    case 'Delete':
    case 'Backspace':
      desk.remove();
      return true;
    case 'Escape':
      if (desk.selection.size === 0 && desk.tool === 'select') return false;
      desk.select([]);
      ontool('select');
      return true;
    case ',':
    case '.':
      desk.next(event.key === '.' ? 1 : -1);
      return true;
    case ']':
    case '[':
      desk.arrange(event.key === ']' ? 'front' : 'back');
      return true;
    case '+':
    case '-':
      desk.zoom(event.key === '+' ? 1.25 : 0.8);
      return true;
    case '0':
      desk.fit();
      return true;
  }
  const tool = LETTERS[event.key.toLowerCase()];
  if (!tool || !desk.editable || !TOOLS.includes(tool)) return false;
  ontool(tool);
  return true;
}
