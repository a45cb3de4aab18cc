// Days and times of the device's time zone, for separators and lists. Words come from `Intl`.

/** The day of a time, as one number that grows by at least 1 a day. @param {number} at */
export function dayOf(at) {
  const date = new Date(at);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

/** How many days before `now` a time was, by the calendar: DST and midnight make no difference. */
export function daysAgo(/** @type {number} */ at, /** @type {number} */ now) {
  const start = (/** @type {number} */ time) => {
    const date = new Date(time);
    return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  };
  return Math.round((start(now) - start(at)) / 86_400_000);
}

/** Milliseconds until the next midnight of the device's time zone. @param {number} now */
export function untilMidnight(now) {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime() - now;
}

/**
 * Formatters of a language. Making one takes long, so they are made once.
 * @param {string | undefined} language
 */
export function clock(language) {
  const make = (/** @type {Intl.DateTimeFormatOptions} */ options) => new Intl.DateTimeFormat(language, options);
  const time = make({ hour: "numeric", minute: "2-digit" });
  const weekday = make({ weekday: "long" });
  const short = make({ weekday: "short" });
  const day = make({ day: "numeric", month: "long" });
  const year = make({ day: "numeric", month: "long", year: "numeric" });
  const date = make({ day: "2-digit", month: "2-digit", year: "2-digit" });
  const full = make({ dateStyle: "long", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const sameYear = (/** @type {number} */ a, /** @type {number} */ b) =>
    new Date(a).getFullYear() === new Date(b).getFullYear();
  return {
    /** `10:15` */
    time: (/** @type {number} */ at) => time.format(at),
    /** Everything, for tooltips. */
    full: (/** @type {number} */ at) => full.format(at),
    /** A day separator: today, yesterday, a weekday, a date. */
    day(/** @type {number} */ at, /** @type {number} */ now) {
      const ago = daysAgo(at, now);
      if (ago === 0 || ago === 1) return relative.format(-ago, "day");
      if (ago > 1 && ago < 7) return weekday.format(at);
      return (sameYear(at, now) ? day : year).format(at);
    },
    /** In the list of conversations: a time today, else yesterday, a short weekday, a date. */
    brief(/** @type {number} */ at, /** @type {number} */ now) {
      const ago = daysAgo(at, now);
      if (ago <= 0) return time.format(at);
      if (ago === 1) return relative.format(-1, "day");
      return (ago < 7 ? short : date).format(at);
    },
    /** "2 hours ago", for "last seen". */
    ago(/** @type {number} */ at, /** @type {number} */ now) {
      const minutes = Math.max(0, Math.round((now - at) / 60_000));
      if (minutes < 60) return relative.format(-minutes, "minute");
      if (minutes < 24 * 60) return relative.format(-Math.round(minutes / 60), "hour");
      return relative.format(-daysAgo(at, now), "day");
    },
  };
}
