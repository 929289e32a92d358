/** Completion in the box of an alert; its code is loaded when the box has the focus for the first time. */

import { load } from "./later.js";

/** The window of an alert stands where a query has steps, and its first stage may be `none`. @param {string[]} words */
export const wordsOfAlert = (words) => [...words.filter((word) => word !== "compare").map((word) => (word === "every" ? "in" : word)), ...(words.includes("count") ? ["none"] : [])];

/**
 * @param {import("./box.js").Box} box
 * @param {() => import("./scope.js").Scope} scope returns the time whose values are offered
 */
export function completeAlert(box, scope) {
  // The page has no lines that could tell which fields have numbers.
  const lines = { rows: new Map(), data: new WeakMap() };
  const made = load(() => import("./complete.js"), ({ Completion }) => new Completion(box, scope, lines, wordsOfAlert));
  // Without it, the text is typed as before.
  box.input.addEventListener("focus", () => made().catch(() => {}), { once: true });
}
