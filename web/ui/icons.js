// Icons, drawn for this client on a grid of 24. They say nothing to a screen reader: the button has the name.

import { svg } from "./el.js";

/** @type {Record<string, string>} */
const PATHS = {
  chat: "M5 5h14v11H10l-5 4z M12 8v5 M9.5 10.5h5",
  group:
    "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11z M3 19c0-3.3 2.6-5 6-5s6 1.7 6 5 M16 5a3 3 0 0 1 0 5.8 M17 14.2c2.4.5 4 2.1 4 4.8",
  settings: "M4 7h9 M17 7h3 M15 4.8v4.4 M4 12h3 M11 12h9 M9 9.8v4.4 M4 17h9 M17 17h3 M15 14.8v4.4",
  back: "M20 12H5 M11 6l-6 6 6 6",
  more: "M12 6.2v-.4 M12 12.2v-.4 M12 18.2v-.4",
  down: "M6 9.5l6 6 6-6",
  send: "M4 12l16-8-5 16-3.5-6.5z M11.5 13.5L20 4",
  attach: "M19 11.5l-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.8-7.8a3 3 0 0 1 4.3 4.3l-7.6 7.6a1.5 1.5 0 0 1-2.1-2.1l6.9-6.9",
  smile: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z M8.5 14c1.8 2.7 5.2 2.7 7 0 M9 9.8v-.4 M15 9.8v-.4",
  close: "M6 6l12 12 M18 6L6 18",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z M15.5 15.5L20 20",
  pin: "M9 4h6l-1 6 3 3H7l3-3z M12 13v7",
  mute: "M6 16h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v3.5z M10.5 19h3 M4 4l16 16",
  file: "M6 3.5h8l4.5 4.5v12.5H6z M14 3.5V8h4.5",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z M12 8v4.3l2.8 1.7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2 12.5l4.5 4.5L16 7.5 M11.5 15.8l1.2 1.2L22 7.5",
  alert: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z M12 8v5 M12 16.2v-.4",
  reply: "M10 6l-6 6 6 6 M4 12h9c4 0 7 2 7 6",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  trash: "M5 7h14 M10 7V4.5h4V7 M7 7l1 13h8l1-13",
  lock: "M7 11V8a5 5 0 0 1 10 0v3 M5.5 11h13v9h-13z",
  retry: "M19 12a7 7 0 1 1-2-5 M19 4v4h-4",
  copy: "M9 9h11v11H9z M5 15V4h11",
  forward: "M14 6l6 6-6 6 M20 12h-9c-4 0-7 2-7 6",
  download: "M12 4v11 M7 10.5l5 5 5-5 M5 20h14",
};

/** @param {string} name @param {number} [size] in sixteenths of the text size of the page, so that icons grow with it */
export const icon = (name, size = 24) =>
  svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: `${size / 16}rem`,
      height: `${size / 16}rem`,
      class: `icon icon-${name}`,
      "aria-hidden": "true",
    },
    svg("path", { d: PATHS[name] }),
  );
