/** Who reads: the name and the log-out in the foot. What this reader may not change, the server says where it is shown. */

import { get, request } from "./api.js";
import { button, byId, element } from "./dom.js";
import { printable } from "./text.js";

/** @typedef {import("../answers.js").Me} Reader */

/** @type {Promise<Reader> | undefined} */
let known;

/** Return who reads; asked once, and again after a log-in. */
export const reader = () => (known ??= get("/api/me"));

/** Show who reads. */
export async function showReader() {
  known = undefined;
  const { name, only, log_out: hasCookie } = await reader();
  const text = printable(`${name ?? ""}${only ? ` · only ${only}` : ""}`);
  byId("reader").replaceChildren(...(text ? [element("span", "", text)] : []));
  if (hasCookie) byId("reader").append(button("Log out", "link", () => request("/logout", undefined, { method: "POST" }).then(() => location.reload())));
}
