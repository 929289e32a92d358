/**
 * Files of boards: the export of a board with its searches, and the dialog of an import, which shows what it
 * would make or change before it does. The server checks the file, and saves all of it or nothing (`board_file.py`).
 */

import { request } from "./api.js";
import { byId, element } from "./dom.js";
import { attempt, say } from "./notice.js";
import { printable, shortened } from "./text.js";
import { counted, size } from "./times.js";

/** @typedef {{panels: {search: string, as: string}[]}} Board */
/** @typedef {import("./variables.js").Search} Search */
/** @typedef {"new" | "same" | "different" | "taken"} Comparison taken: the name is of something else here */
/** @typedef {{name: string, is: Comparison, file: Record<string, any>, here: Record<string, any>, other: string}} Entry of a file; other: a name that is free here */
/** @typedef {{state: string, board: Entry, searches: Entry[], here: string[], missing: string[]}} Preview here, missing: searches of the board that the file does not have */
/** @typedef {"file" | "mine" | {as: string}} Take */

const PATH = "/api/board-file";
const VERSION = 1;
/** Bytes of a file; the server takes little more. */
const LARGEST = 58_000;
const LONGEST_NAME = 50;
/** What the server says of a search beside its parts. */
const ABOUT = new Set(["name", "error", "at", "template"]);
const NOT_READ = "This file cannot be read.";

/**
 * Return the name of the file of a board, without characters that mean something in a path.
 * @param {string} board
 */
export function fileName(board) {
  const safe = [...board.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "-")].slice(0, LONGEST_NAME).join("").replace(/^[.-]+|[.-]+$/g, "");
  return `logsrv-board-${safe || "file"}.json`;
}

/**
 * Return the content of a board's file, and the names of its searches that cannot be in one, as their queries are wrong.
 * @param {string} name
 * @param {Board & {name?: string}} board
 * @param {Search[]} searches
 */
export function fileOf(name, board, searches) {
  const { name: _, ...parts } = board;
  const shown = board.panels.flatMap(({ search }) => searches.find((one) => one.name === search) ?? []);
  const some = shown.filter(({ error }) => !error).map((one) => ({ name: one.name, ...Object.fromEntries(Object.entries(one).filter(([part]) => !ABOUT.has(part))) }));
  return { file: { logsrv: "board", version: VERSION, name, board: parts, searches: some }, wrong: shown.filter(({ error }) => error).map((one) => one.name) };
}

/**
 * Let the browser save the file of a board.
 * @param {Parameters<typeof fileOf>} about
 */
export function exportBoard(...about) {
  const { file, wrong } = fileOf(...about);
  const link = /** @type {HTMLAnchorElement} */ (element("a"));
  link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 2), "\n"], { type: "application/json" }));
  link.download = fileName(about[0]);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const without = wrong.length ? `; without ${wrong.map(printable).join(", ")}, whose query is wrong` : "";
  say(`Exported: ${link.download}${without}`);
}

export class BoardImport {
  /** @param {(board: string) => void} onDone called with the name under which the board was saved */
  constructor(onDone) {
    this.onDone = onDone;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("import"));
    this.entries = byId("import-entries");
    this.submit = /** @type {HTMLButtonElement} */ (byId("import-submit"));
    /** @type {unknown} */
    this.file = null;
    /** @type {Preview | null} */
    this.preview = null;
    const input = /** @type {HTMLInputElement} */ (byId("import-file"));
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) attempt(() => this.read(file)).then(() => (input.value = ""));
    });
    byId("import-close").addEventListener("click", () => this.dialog.close());
    byId("import-form").addEventListener("submit", (event) => event.preventDefault());
    byId("import-do").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.submit.disabled) attempt(() => this.save());
    });
  }

  /**
   * Read a file, and show what its import would do; a file that is no board has its sentence.
   * @param {File} file
   */
  async read(file) {
    this.refuse("import-refused", "");
    try {
      if (file.size > LARGEST) throw new Error(`This file has ${size(file.size)}; the file of a board has at most ${size(LARGEST)}.`);
      const text = await file.text().catch(() => {
        throw new Error(NOT_READ);
      });
      // Read here, so that nothing in the file is taken for a part of the request.
      this.file = parsed(text);
      this.show(await this.send({ file: this.file }));
    } catch (error) {
      if (/** @type {import("./api.js").ApiError} */ (error).status === 401) throw error;
      this.refuse("import-refused", `${printable(file.name)}: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {object} body */
  async send(body) {
    const answer = await request(PATH, undefined, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    return answer.json();
  }

  /**
   * @param {string} id
   * @param {string} sentence
   */
  refuse(id, sentence) {
    byId(id).textContent = printable(sentence);
  }

  /** @param {{import: Preview}} answer */
  show({ import: preview }) {
    this.preview = preview;
    const { board, searches, here, missing } = preview;
    const changes = [board, ...searches].filter((one) => one.is !== "same");
    byId("import-heading").textContent = `Import “${printable(board.name)}”`;
    const others = [here.length && `Not in the file, and shown as they are here: ${here.map(printable).join(", ")}.`, missing.length && `Neither in the file nor here: ${missing.map(printable).join(", ")}.`];
    const all = `A board and ${counted(searches.length, "search", "searches")}.`;
    byId("import-note").textContent = [changes.length ? all : "All of this is here already.", ...others].filter(Boolean).join(" ");
    this.entries.replaceChildren(entry(board, "Board", 0), ...searches.map((one, index) => entry(one, "Search", index + 1)));
    this.refuse("import-error", "");
    this.submit.textContent = changes.length ? "Import" : "Open it";
    this.submit.disabled = false;
    if (!this.dialog.open) this.dialog.showModal();
    /** @type {HTMLElement} */ (this.entries.querySelector(":checked, [type=text]") ?? this.submit).focus();
    this.dialog.scrollTop = 0;
  }

  async save() {
    const { state, board, searches } = /** @type {Preview} */ (this.preview);
    const take = { board: this.taken(0), searches: Object.fromEntries(searches.map(({ name }, index) => [name, this.taken(index + 1)])) };
    this.submit.disabled = true;
    try {
      const { imported } = await this.send({ file: this.file, state, take });
      this.dialog.close();
      this.onDone(take.board === "mine" ? board.name : imported.board);
    } catch (error) {
      const { status, message } = /** @type {import("./api.js").ApiError} */ (error);
      if (status === 401) throw error;
      // Look again: what the choices were made by may have changed.
      const isOld = status === 409 && (await this.send({ file: this.file }).catch(() => null));
      if (isOld && isOld.import.state !== state) this.show(isOld);
      this.refuse("import-error", message);
    } finally {
      this.submit.disabled = false;
    }
  }

  /**
   * Return what is to be done with an entry.
   * @param {number} index
   * @returns {Take}
   */
  taken(index) {
    const part = this.entries.children[index];
    const chosen = /** @type {HTMLInputElement | null} */ (part.querySelector("[type=radio]:checked"));
    const name = /** @type {HTMLInputElement | null} */ (part.querySelector("[type=text]"));
    if (chosen && chosen.value !== "both") return /** @type {Take} */ (chosen.value);
    return name ? { as: name.value } : "file";
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("This file is not a board: it is not JSON.");
  }
}

const SAID = { new: "new", same: "the same is here", different: "another one is here", taken: "this is the name of something else here" };

/**
 * Return an entry of the file with how it is to what is here, and choices if it is different.
 * @param {Entry} about
 * @param {string} kind
 * @param {number} index
 */
function entry({ name, is, file, here, other }, kind, index) {
  const heading = [element("span", "kind", `${kind} `), element("span", "name", printable(name)), element("span", "note", `: ${SAID[is]}`)];
  if (is === "new" || is === "same") return element("li", is, element("p", "head", ...heading), element("code", "", textOf(file)));
  const made = element("fieldset", "", element("legend", "", ...heading));
  const as = /** @type {HTMLInputElement} */ (element("input"));
  as.type = "text";
  as.value = other;
  as.required = true;
  as.maxLength = 200;
  as.autocomplete = "off";
  as.spellcheck = false;
  as.ariaLabel = `Another name for the file's ${kind.toLowerCase()}: ${printable(name)}`;
  if (is === "taken") {
    made.append(element("p", "", element("code", "", textOf(file))), element("label", "as", "Save it as ", as));
    return element("li", is, made);
  }
  const choice = (/** @type {string} */ value, /** @type {string} */ text, /** @type {(string | Node)[]} */ ...more) => {
    const radio = /** @type {HTMLInputElement} */ (element("input"));
    radio.type = "radio";
    radio.name = `take-${index}`;
    radio.value = value;
    radio.checked = value === "both";
    return element("div", "choice", element("label", "", radio, element("span", "", text)), ...more);
  };
  as.addEventListener("input", () => /** @type {HTMLInputElement} */ (made.querySelector("[value=both]")).click());
  made.append(
    choice("mine", "Keep the one here", element("code", "", textOf(here))),
    choice("file", "Replace it by the file's", element("code", "", textOf(file))),
    choice("both", "Both, the file's as", as),
  );
  // A name that is not used may be empty.
  made.addEventListener("change", () => (as.required = /** @type {HTMLInputElement} */ (made.querySelector("[value=both]")).checked));
  return element("li", is, made);
}

/** @param {Record<string, any>} parts of a search or a board */
function textOf(parts) {
  if (!parts.panels) return printable(shortened([parts.q || "all lines", ...Object.entries(parts).filter(([part, value]) => part !== "q" && value).map(([part, value]) => `${part}: ${value}`)].join(" · ")));
  const panels = parts.panels.map((/** @type {{search: string, as: string}} */ one) => `${one.search} (${one.as})`).join(", ");
  return printable(shortened(panels || "no panels"));
}
