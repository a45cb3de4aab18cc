// A session without a cookie: servers that answer a login with a token, as long as they know no cookies or no tickets.
// The token stays in memory and is gone with the page. Delete this file, and what imports it, once no such server is left.

let token = "";

/** @param {string | undefined} value what a login answered; `undefined` where it is in a cookie */
export function keepToken(value) {
  token = value ?? "";
}

/** @returns {Record<string, string>} */
export const tokenHeader = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** What `hello` says in place of a ticket, if the server has no tickets. */
export const tokenForHello = () => token;
