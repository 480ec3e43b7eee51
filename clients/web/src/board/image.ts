/** An image for the board: handed in to the server, and its address written into the document. */
import type { FileView } from '@atelier/sdk';
import { prepared } from '../editor/desk/images';

/** Larger ones are shown smaller. */
const MOST_SIDE = 480;

/** Null where the server, or the file, will not. */
export async function handIn(document: string, file: File, bearer?: string): Promise<FileView | null> {
  try {
    // Without what a camera wrote beside the picture, as where that was.
    const picture = await prepared(file);
    const answer = await fetch(`/api/v1/documents/${encodeURIComponent(document)}/files`, {
      method: 'POST',
      headers: { 'content-type': picture.type, ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) },
      body: picture,
    });
    return answer.ok ? ((await answer.json()) as FileView) : null;
  } catch {
    return null;
  }
}

/** How large it is on the board. */
export function sizeOf({ width, height }: FileView): { width: number; height: number } {
  const scale = Math.min(1, MOST_SIDE / Math.max(1, width, height));
  return { width: Math.max(8, Math.round(width * scale)), height: Math.max(8, Math.round(height * scale)) };
}
