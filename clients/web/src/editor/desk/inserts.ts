/** What the list behind a `/` puts into the text. */
import type { Editor, Range } from '@tiptap/core';

export const INSERTS = [
  'heading2',
  'heading3',
  'bulletList',
  'orderedList',
  'taskList',
  'table',
  'image',
  'blockquote',
  'codeBlock',
  'divider',
] as const;
export type Insert = (typeof INSERTS)[number];

export function insert(editor: Editor, what: Exclude<Insert, 'image'>, range: Range): void {
  const chain = editor.chain().focus().deleteRange(range);
  if (what === 'heading2') chain.setHeading({ level: 2 }).run();
  else if (what === 'heading3') chain.setHeading({ level: 3 }).run();
  else if (what === 'bulletList') chain.toggleBulletList().run();
  else if (what === 'orderedList') chain.toggleOrderedList().run();
  else if (what === 'taskList') chain.toggleTaskList().run();
  else if (what === 'blockquote') chain.setBlockquote().run();
  else if (what === 'codeBlock') chain.setCodeBlock().run();
  else if (what === 'divider') chain.setHorizontalRule().run();
  else chain.insertTable({ rows: 3, cols: 3, withHeaderRow: true }).run();
}
