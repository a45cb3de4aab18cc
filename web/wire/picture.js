// Pictures before they are sent: their size, a small one, and nothing that a camera wrote into them.

/** Pixels of the longer side of a thumbnail and of the picture of a person. */
const THUMBNAIL = 320;
const PORTRAIT = 512;
/** Pixels of a picture that is still drawn anew: a canvas of more is beyond some phones. */
const PIXELS_MAX = 50_000_000;
const DRAWABLE = /^image\/(jpeg|png|webp|gif|avif|bmp)$/;

/** @param {ImageBitmap} bitmap @param {number} longest @param {string} type @returns {Promise<Blob | null>} */
function draw(bitmap, longest, type) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return Promise.resolve(null);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.88));
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
    // It only says that it is a picture.
    return { blob: file };
  }
  const { width, height } = bitmap;
  try {
    if (width * height > PIXELS_MAX) return { blob: file, width, height };
    const isJpeg = file.type === "image/jpeg";
    const blob = isJpeg ? ((await draw(bitmap, Infinity, "image/jpeg")) ?? file) : file;
    const isSmall = Math.max(width, height) <= THUMBNAIL;
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
