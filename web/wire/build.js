// Which version of the client this page is.

/** The build hash, as the program has put it into the page. */
export const build = globalThis.document?.querySelector('meta[name="build"]')?.getAttribute("content") ?? "";
