/** Images on their way into a document: made smaller in the browser, which also drops where a photo was taken. */

/** Longer sides are no use on a page. */
export const MOST_SIDE = 2_000;
/** The server takes no more. */
export const MOST_BYTES = 5 * 1024 * 1024;

/** How large it is to be. */
export function fit(width: number, height: number, most = MOST_SIDE): { width: number; height: number } {
  const scale = Math.min(1, most / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

export type Fault = 'kind' | 'size';

export class ImageFault extends Error {
  constructor(readonly fault: Fault) {
    super(fault);
  }
}

/** The image drawn anew: what a camera wrote beside the picture is not in it any more. Moving ones stay as they are. */
export async function prepared(file: Blob): Promise<Blob> {
  if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type)) throw new ImageFault('kind');
  if (file.type === 'image/gif') {
    if (file.size > MOST_BYTES) throw new ImageFault('size');
    return file;
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new ImageFault('kind');
  }
  // Photos lose nothing that is seen; drawings stay sharp, unless they are too large that way.
  const types = file.type === 'image/jpeg' ? (['image/jpeg'] as const) : ([file.type, 'image/webp'] as const);
  try {
    for (const side of [MOST_SIDE, MOST_SIDE / 2]) {
      for (const type of types) {
        const blob = await drawn(bitmap, fit(bitmap.width, bitmap.height, side), type);
        if (blob && blob.size <= MOST_BYTES) return blob;
      }
    }
  } finally {
    bitmap.close();
  }
  throw new ImageFault('size');
}

function drawn(
  bitmap: ImageBitmap,
  { width, height }: { width: number; height: number },
  type: string,
): Promise<Blob | null> {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, width, height);
  return new Promise((done) => canvas.toBlob(done, type, 0.86));
}

/** The images among what is pasted or dropped. */
export function imagesIn(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])].filter((file) => file.type.startsWith('image/'));
}
