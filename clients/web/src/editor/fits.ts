/**
 * Does an editor show all that is in a text? y-tiptap deletes, for everybody, what its schema does not take. So it is
 * looked at before: by whoever opens a text, and with each change from elsewhere before the editor learns of it.
 */
import { getSchema } from '@tiptap/core';
import type { ContentMatch, NodeType, Schema } from '@tiptap/pm/model';
import * as Y from 'yjs';
import { nodesAndMarks } from './schema';

type Piece = Y.XmlElement | Y.XmlText;
type Run = { insert: unknown; attributes?: Record<string, unknown> };

/** Rows and columns that a cell of a table may take. Editors make a list of them. */
const MOST_SPANNED = 100;
/** What says something without words. */
const SPEAKING = new Set(['image', 'mention']);

let made: Schema | undefined;
const known = (): Schema => (made ??= getSchema(nodesAndMarks((text) => text)));

const isElement = (piece: Piece): piece is Y.XmlElement => piece instanceof Y.XmlElement;
const runs = (text: Y.XmlText): Run[] => text.toDelta() as Run[];
/** Marks that may be there more than once have a hash behind their names. */
const bare = (key: string): string => key.replace(/--[a-zA-Z0-9+/=]{8}$/, '');
const piecesOf = (type: Y.XmlFragment): Piece[] => type.toArray() as Piece[];

function says(piece: Piece): boolean {
  return isElement(piece) ? SPEAKING.has(piece.nodeName) || piecesOf(piece).some(says) : piece.length > 0;
}

function spans(cell: Y.XmlElement): ('colspan' | 'rowspan')[] {
  return (['colspan', 'rowspan'] as const).filter((name) => {
    const count: unknown = cell.getAttribute(name) ?? 1;
    return !(Number.isInteger(count) && Number(count) >= 1 && Number(count) <= MOST_SPANNED);
  });
}

const takes = (type: NodeType, key: string): boolean => {
  const mark = known().marks[bare(key)];
  return mark !== undefined && type.allowsMarkType(mark);
};

/** What would go although somebody wrote it, or might have meant something: names of elements and marks. */
class Look {
  readonly lost: string[] = [];

  element(piece: Y.XmlElement): NodeType | null {
    const type = known().nodes[piece.nodeName];
    const fits = type !== undefined && spans(piece).length === 0 && this.#row(type, piecesOf(piece))?.validEnd;
    // What is empty is deleted by the editor, as after two people have emptied a list together.
    if (!fits && (type === undefined || says(piece))) this.lost.push(piece.nodeName);
    return fits ? type : null;
  }

  root(fragment: Y.XmlFragment): void {
    const pieces = piecesOf(fragment);
    if (pieces.some((piece) => !isElement(piece)) || !this.#row(known().topNodeType, pieces)) this.lost.push('doc');
  }

  #row(type: NodeType, pieces: Piece[]): ContentMatch | null {
    let match: ContentMatch | null = type.contentMatch;
    for (const piece of pieces) {
      if (isElement(piece)) {
        const inner = this.element(piece);
        if (inner) match = match.matchType(inner);
      } else {
        for (const { insert, attributes } of runs(piece)) {
          if (typeof insert !== 'string') return null;
          const strange = Object.keys(attributes ?? {}).find((key) => !takes(type, key));
          if (strange !== undefined) {
            this.lost.push(strange);
            return null;
          }
          match = match?.matchType(known().nodes.text as NodeType) ?? null;
        }
      }
      if (!match) return null;
    }
    return match;
  }
}

/** What an editor would delete of this text: the name of an element or a mark, or null when it takes all. */
export function troubleIn(fragment: Y.XmlFragment): string | null {
  const look = new Look();
  look.root(fragment);
  return look.lost[0] ?? null;
}

/**
 * Changes what two honest people can bring about by writing at the same time, or nobody does honestly but is easily put
 * right, so that an editor takes it and all words stay: formats in code, an item that begins with something else than a
 * paragraph, cells that span too much.
 */
export function mend(fragment: Y.XmlFragment): void {
  const one = (piece: Piece, type: NodeType | undefined): void => {
    if (!isElement(piece)) return unformatted(piece, type);
    const inner = known().nodes[piece.nodeName];
    if (inner) spans(piece).forEach((name) => piece.setAttribute(name, 1 as unknown as string));
    piecesOf(piece).forEach((child) => one(child, inner));
    const first = piecesOf(piece).find((child) => isElement(child) || child.length > 0);
    if (/^(listItem|taskItem)$/.test(piece.nodeName) && !(first && isElement(first) && first.nodeName === 'paragraph'))
      piece.insert(0, [new Y.XmlElement('paragraph')]);
  };
  fragment.doc?.transact(() => piecesOf(fragment).forEach((piece) => one(piece, known().topNodeType)), mend);
}

function unformatted(text: Y.XmlText, type: NodeType | undefined): void {
  let at = 0;
  for (const { insert, attributes } of runs(text)) {
    const length = typeof insert === 'string' ? insert.length : 1;
    // Names that are not known here are left to those who know them.
    const wrong = Object.keys(attributes ?? {}).filter((key) => known().marks[bare(key)] && type && !takes(type, key));
    if (wrong.length > 0) text.format(at, length, Object.fromEntries(wrong.map((key) => [key, null])));
    at += length;
  }
}
