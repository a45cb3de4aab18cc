// What a camera writes into a picture does not leave the device.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withoutMetadata } from "../../wire/picture.js";

/** A segment of a JPEG. */
const segment = (kind, text) => Buffer.concat([Buffer.from([0xff, kind, 0, text.length + 2]), Buffer.from(text)]);
const START = Buffer.from([0xff, 0xd8]);
/** The picture itself, in which bytes like those of a segment mean nothing. */
const SCAN = Buffer.concat([segment(0xda, "scan"), Buffer.from([1, 0xff, 0, 0xff, 0xe1, 7, 0xff, 0xd9])]);

const clean = async (bytes) =>
  Buffer.from(await (await withoutMetadata(new Blob([bytes], { type: "image/jpeg" }))).arrayBuffer());

test("a JPEG that cannot be drawn loses Exif, XMP, IPTC and comments, and nothing else", async () => {
  const needed = [segment(0xe0, "JFIF"), segment(0xe2, "ICC"), segment(0xee, "Adobe"), segment(0xdb, "table"), SCAN];
  const written = [
    segment(0xe1, "Exif place"),
    segment(0xe1, "http://ns.adobe.com/xap/1.0/"),
    segment(0xed, "Photoshop"),
    segment(0xfe, "a comment"),
  ];
  const mixed = [
    START,
    needed[0],
    written[0],
    needed[1],
    written[1],
    needed[2],
    written[2],
    needed[3],
    written[3],
    SCAN,
  ];
  assert.deepEqual(await clean(Buffer.concat(mixed)), Buffer.concat([START, ...needed]));
});

test("what is no JPEG, or a broken one, stays what it is", async () => {
  for (const bytes of [Buffer.from("GIF89a"), Buffer.from([]), START, Buffer.concat([START, Buffer.from([0xff])])])
    assert.deepEqual(await clean(bytes), bytes);
});
