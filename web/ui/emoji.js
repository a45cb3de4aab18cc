// The emoji picker: a choice of what every system's font has. All of them are allowed as reactions.

import { el } from "./el.js";
import { openPopover } from "./menu.js";
import { t } from "./words.js";

const GROUPS = [
  "👍 ❤️ 😂 😮 😢 🙏 🎉 👏",
  "😀 😃 😄 😁 😆 😅 🤣 😂 🙂 🙃 😉 😊 😇 🥰 😍 🤩 😘 😗 😋 😛 😜 🤪 😝 🤑 🤗 🤭 🤫 🤔 🤐 🤨 😐 😑 😶 😏 😒 🙄 😬 😌 😔 😪 😴 😷 🤒 🤕 🤢 🤧 🥵 🥶 🥴 😵 🤯 🤠 🥳 😎 🤓 🧐 😕 😟 🙁 😮 😯 😲 😳 🥺 😦 😧 😨 😰 😥 😢 😭 😱 😖 😣 😞 😓 😩 😫 🥱 😤 😡 😠 🤬 😈 💀 💩 🤡 👻 👽 🤖 😺 😹 😻 🙈 🙉 🙊",
  "👋 ✋ 🖖 👌 🤏 ✌️ 🤞 🤟 🤘 🤙 👈 👉 👆 👇 ☝️ 👍 👎 ✊ 👊 👏 🙌 👐 🤝 🙏 ✍️ 💪 👀 👂 🧠 👶 🧒 👩 👨 🧓 🤷 🤦 🙋 🙇 💃 🕺 🏃 🚶 👪 👑 🎩 👓",
  "❤️ 🧡 💛 💚 💙 💜 🖤 🤍 🤎 💔 💕 💞 💓 💗 💖 💘 💝 💋 💯 💢 💥 💫 💦 💤 ✨ ⭐ 🌟 🔥 🎈 🎉 🎊 🎁 🏆 🥇 🎵 🎶",
  "🐶 🐱 🐭 🐰 🦊 🐻 🐼 🐨 🐯 🦁 🐮 🐷 🐸 🐵 🐔 🐧 🐦 🦆 🦅 🦉 🐺 🐴 🦄 🐝 🐛 🦋 🐌 🐞 🐢 🐍 🐙 🐟 🐬 🐳 🌸 🌹 🌻 🌷 🌱 🌲 🌴 🌵 🍀 🍁 🍄 🌍 🌙 ☀️ 🌤️ ☁️ 🌧️ ⛄ ⚡ 🌈 🌊",
  "🍏 🍎 🍐 🍊 🍋 🍌 🍉 🍇 🍓 🍒 🍑 🥭 🍍 🥥 🥝 🍅 🥑 🥦 🌽 🥕 🥔 🍞 🥐 🧀 🥚 🍳 🥞 🥓 🍗 🍔 🍟 🍕 🌭 🥪 🌮 🥗 🍝 🍜 🍣 🍚 🍦 🍩 🍪 🎂 🍰 🍫 🍿 ☕ 🍵 🍺 🍻 🥂 🍷 🍹",
  "⚽ 🏀 🏈 ⚾ 🎾 🏐 🏓 🏸 ⛷️ 🏂 🏊 🚴 🎯 🎲 🎮 🎸 🎹 🎬 🎨 📷 🚗 🚌 🚲 🚂 ✈️ 🚀 ⛵ 🏠 🏢 🏥 🏫 ⛪ 🏖️ ⛺ 🏔️ 🗺️ ⌚ 📱 💻 🖨️ 💡 🔦 📚 📖 ✏️ 📌 📎 ✂️ 🔑 🔒 🔨 💰 💳 ✉️ 📦 🗑️ ⏰ 📅",
  "✅ ☑️ ✔️ ❌ ❓ ❗ ⚠️ 🚫 ⛔ 💬 💭 🔔 🔕 ➕ ➖ ➡️ ⬅️ ⬆️ ⬇️ 🔄 🆗 🆕 🆘 ♻️ 🏁 🚩 🏳️‍🌈",
];

/**
 * @param {HTMLElement} opener @param {(emoji: string) => void} picked
 * @param {{isOnce?: boolean, next?: HTMLElement}} [options] `next`: where one goes on after something was picked
 */
export function openEmoji(opener, picked, { isOnce = false, next } = {}) {
  let isPicked = false;
  const groups = GROUPS.map((line) => el("div", { class: "emojis" }, ...line.split(" ").map(one)));
  const node = el("div", { class: "popover emoji", role: "dialog", "aria-label": t("emoji") }, ...groups);
  const all = /** @type {HTMLElement[]} */ ([...node.querySelectorAll("button")]);
  node.addEventListener("click", (event) => {
    const emoji = /** @type {HTMLElement} */ (event.target).closest("button")?.textContent;
    if (!emoji) return;
    isPicked = true;
    if (isOnce) node.hidePopover();
    picked(emoji);
  });
  node.addEventListener("keydown", (event) => {
    const there = target(all, event.key, getComputedStyle(node).direction === "rtl");
    if (!there) return;
    event.preventDefault();
    for (const other of all) other.tabIndex = other === there ? 0 : -1;
    there.focus();
  });
  openPopover(opener, node);
  node.addEventListener("toggle", () => {
    if (isPicked && document.activeElement === opener) next?.focus();
  });
  all[0].tabIndex = 0;
  all[0].focus();
}

const one = (/** @type {string} */ emoji) => el("button", { type: "button", tabindex: "-1" }, emoji);

/** The button to which a key leads: one further, or the nearest one a line up or down. */
function target(/** @type {HTMLElement[]} */ all, /** @type {string} */ key, /** @type {boolean} */ isRtl) {
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const step = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1 }[key];
  if (step) return all[at + step];
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const from = all[at]?.getBoundingClientRect();
  const isDown = key === "ArrowDown";
  const beyond = isDown ? all.slice(at + 1) : all.slice(0, at).reverse();
  /** @type {HTMLElement | undefined} */
  let best;
  for (const other of beyond) {
    const rect = other.getBoundingClientRect();
    if (Math.abs(rect.top - from.top) < 4) continue;
    const top = best?.getBoundingClientRect().top;
    if (top !== undefined && Math.abs(rect.top - top) > 4) break;
    const isNearer = !best || Math.abs(rect.left - from.left) < Math.abs(best.getBoundingClientRect().left - from.left);
    if (isNearer) best = other;
  }
  return best;
}
