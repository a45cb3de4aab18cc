// Draws the icons: `node web/test/icons.mjs` writes web/icons/. The same shapes for both: a
// speech bubble with two ticks.

import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

const GREEN = [11, 110, 79];
const WHITE = [255, 255, 255];
/** Samples of a pixel's side. */
const FINE = 4;

// Shapes in a square of 100: a rounded box, a tail, two ticks as thick lines.
const BOX = { x: 20, y: 24, width: 60, height: 42, radius: 13 };
const TAIL = [
    [30, 58],
    [30, 80],
    [50, 64],
];
const TICKS = [
    [
        [33, 46],
        [41, 54],
        [55, 37],
    ],
    [
        [47, 51],
        [50, 54],
        [66, 37],
    ],
];
const THICK = 5;

const isInBox = (x, y, { x: left, y: top, width, height, radius }) => {
    const dx = Math.max(left + radius - x, 0, x - (left + width - radius));
    const dy = Math.max(top + radius - y, 0, y - (top + height - radius));
    return dx * dx + dy * dy <= radius * radius;
};
const side = ([ax, ay], [bx, by], x, y) => (bx - ax) * (y - ay) - (by - ay) * (x - ax);
const isInTriangle = (x, y, [a, b, c]) => {
    const signs = [side(a, b, x, y), side(b, c, x, y), side(c, a, x, y)];
    return signs.every((sign) => sign >= 0) || signs.every((sign) => sign <= 0);
};
const distance = ([ax, ay], [bx, by], x, y) => {
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
    return Math.hypot(x - ax - along * dx, y - ay - along * dy);
};
const isOnTick = (x, y) => TICKS.some(([a, b, c]) => Math.min(distance(a, b, x, y), distance(b, c, x, y)) <= THICK / 2);

/** The colour at a place, `null` outside. `ground` is the shape behind. */
function colour(x, y, ground) {
    if (!isInBox(x, y, ground)) return null;
    const isBubble = isInBox(x, y, BOX) || isInTriangle(x, y, TAIL);
    return isBubble && !isOnTick(x, y) ? WHITE : GREEN;
}

function png(size, ground, zoom = 1) {
    const rows = [];
    for (let row = 0; row < size; row++) {
        const line = Buffer.alloc(1 + size * 4);
        for (let column = 0; column < size; column++) {
            const sum = [0, 0, 0, 0];
            for (let i = 0; i < FINE * FINE; i++) {
                const [fx, fy] = [(i % FINE) + 0.5, Math.floor(i / FINE) + 0.5];
                const scale = (place, fine) => (((place + fine / FINE) / size) * 100 - 50) * zoom + 50;
                const found = colour(scale(column, fx), scale(row, fy), ground);
                if (found) [...found, 255].forEach((value, channel) => (sum[channel] += value));
            }
            const hits = sum[3] / 255;
            const pixel = hits
                ? [...sum.slice(0, 3).map((value) => value / hits), sum[3] / (FINE * FINE)]
                : [0, 0, 0, 0];
            pixel.forEach((value, channel) => (line[1 + column * 4 + channel] = Math.round(value)));
        }
        rows.push(line);
    }
    const head = Buffer.alloc(13);
    head.writeUInt32BE(size, 0);
    head.writeUInt32BE(size, 4);
    head.set([8, 6, 0, 0, 0], 8);
    const parts = [
        ["IHDR", head],
        ["IDAT", deflateSync(Buffer.concat(rows), { level: 9 })],
        ["IEND", Buffer.alloc(0)],
    ];
    const chunks = parts.map(([type, data]) => {
        const body = Buffer.concat([Buffer.from(type), data]);
        const length = Buffer.alloc(4);
        length.writeUInt32BE(data.length);
        const sum = Buffer.alloc(4);
        sum.writeUInt32BE(crc32(body));
        return Buffer.concat([length, body, sum]);
    });
    return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks]);
}

const hex = (rgb) => `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x} ${y}`).join("");
const { x, y, width, height, radius } = BOX;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">
  <rect width="100" height="100" rx="22" fill="${hex(GREEN)}"/>
  <rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="#fff"/>
  <path d="${path(TAIL)}Z" fill="#fff"/>
  <path d="${TICKS.map(path).join("")}" fill="none" stroke="${hex(GREEN)}" stroke-width="${THICK}" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`;

const rounded = { x: 0, y: 0, width: 100, height: 100, radius: 22 };
const whole = { x: -100, y: -100, width: 300, height: 300, radius: 0 };
const write = (name, data) => writeFileSync(new URL(`../icons/${name}`, import.meta.url), data);
write("icon.svg", svg);
write("192.png", png(192, rounded));
write("512.png", png(512, rounded));
// Masks cut off up to a fifth at each side.
write("maskable.png", png(512, whole, 1.25));
