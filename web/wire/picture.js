// Pictures before they are sent: their size, a small one, and nothing that a camera wrote into them.

/** Pixels of the longer side of a thumbnail and of the picture of a person. */
const THUMBNAIL = 320;
const PORTRAIT = 512;
/** Pixels of a picture that is still drawn anew: a canvas of more is beyond some phones. */
const PIXELS_MAX = 50_000_000;
const DRAWABLE = /^image\/(jpeg|png|webp|gif|avif|bmp)$/;

/** A size whose longer side is not above `longest`. @param {{width: number, height: number}} size @param {number} longest */
function within({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const scaled = (/** @type {number} */ side) => Math.max(1, Math.round(side * scale));
  return { width: scaled(width), height: scaled(height) };
}

/** The size of the thumbnail of a picture. @param {{width: number, height: number}} size */
export const thumbnailSize = (size) => within(size, THUMBNAIL);

/** @param {ImageBitmap} bitmap @param {number} longest @param {string} type @returns {Promise<Blob | null>} */
function draw(bitmap, longest, type) {
  const canvas = Object.assign(document.createElement("canvas"), within(bitmap, longest));
  const context = canvas.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.88));
}

/**
 * A JPEG without the segments in which programs write about it: application data but for APP0 (how to read it), APP2 (colours)
 * and APP14 (colours), and comments. What is no JPEG stays as it is.
 * @param {Blob} file @returns {Promise<Blob>}
 */
export async function withoutMetadata(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return file;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  // From the start of the picture itself on nothing has a name.
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const kind = bytes[at + 1];
    const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    const isMetadata = kind === 0xfe || (kind >= 0xe1 && kind <= 0xef && kind !== 0xe2 && kind !== 0xee);
    if (!isMetadata) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return new Blob([...kept, bytes.subarray(at)], { type: file.type });
}

/**
 * A JPEG is drawn anew, which leaves place, time and camera behind and turns it upright; others go as they are.
 * @param {File} file
 * @returns {Promise<{blob: Blob, width?: number, height?: number, thumbnail?: Blob}>}
 */
export async function prepare(file) {
  if (!DRAWABLE.test(file.type)) return { blob: file };
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // It only says that it is a picture, or this browser cannot show it.
    return { blob: await withoutMetadata(file) };
  }
  const { width, height } = bitmap;
  try {
    if (width * height > PIXELS_MAX) return { blob: await withoutMetadata(file), width, height };
    const isJpeg = file.type === "image/jpeg";
    const blob = isJpeg ? ((await draw(bitmap, Infinity, "image/jpeg")) ?? (await withoutMetadata(file))) : file;
    // What may move has a thumbnail however small it is: that one stands still.
    const isSmall = Math.max(width, height) <= THUMBNAIL && !/gif|webp/.test(file.type);
    const kind = isJpeg ? "image/jpeg" : "image/webp";
    const thumbnail = isSmall ? null : await draw(bitmap, THUMBNAIL, kind);
    return { blob, width, height, ...(thumbnail ? { thumbnail } : {}) };
  } finally {
    bitmap.close();
  }
}

/** A square of the middle. @param {File} file @returns {Promise<Blob | null>} */
export async function portrait(file) {
  const whole = await createImageBitmap(file);
  const side = Math.min(whole.width, whole.height);
  const [x, y] = [(whole.width - side) >> 1, (whole.height - side) >> 1];
  const bitmap = await createImageBitmap(whole, x, y, side, side);
  whole.close();
  const blob = await draw(bitmap, PORTRAIT, "image/jpeg");
  bitmap.close();
  return blob;
}
