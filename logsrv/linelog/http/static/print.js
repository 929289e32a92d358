/** A printed page: paper has no search box, no menu and no address, so their content is printed as text, and times have their day. */

import { byId, element } from "./dom.js";
import { printable } from "./text.js";
import { clock, day, recordsAndLines, setPaper } from "./times.js";

/**
 * Write the head of the printed page.
 * @param {import("./address.js").PageState} state
 * @param {{records: number, lines: number} | null} shown what is on the page; null: it has figures
 */
export function printHead(state, shown) {
  const [range, last] = [byId("range-text").textContent, /** @type {HTMLSelectElement} */ (byId("last"))];
  const span = byId("histogram-span").textContent;
  writeHead({
    Server: location.host,
    Query: state.q ? printable(state.q) : "none, all lines",
    Time: `${range || last.selectedOptions[0].text}${span && span !== range ? `: ${span}` : ""}, ${byId("zone-name").textContent}`,
    ...(shown !== null && { Lines: `${recordsAndLines(shown)} here; in this time ${byId("histogram-total").textContent}` }),
  });
}

/**
 * @param {Record<string, string>} about
 */
export function writeHead(about) {
  const now = new Date();
  const all = { ...about, Printed: `${day(now)}, ${clock(now)}` };
  byId("print-head").replaceChildren(...Object.entries(all).flatMap(([name, text]) => [element("dt", "", name), element("dd", "", text)]));
}

/**
 * @param {() => void} write writes the head
 * @param {() => void} draw shows again what has times
 */
export function onPrint(write, draw) {
  addEventListener("beforeprint", () => {
    setPaper(true);
    write();
    draw();
  });
  addEventListener("afterprint", () => {
    setPaper(false);
    draw();
  });
}
