/** The menu of servers, and sentences about servers whose lines are missing. */

import { get } from "./api.js";
import { byId, choose, element, option } from "./dom.js";
import { printable } from "./text.js";

/** @typedef {import("./api.js").Line} Line */

/** Names in the API: the server of this page, and that server with all others. */
const HERE = "here";
const ALL = "all";

export class Nodes {
  /** @param {(names: string) => void} onChoose */
  constructor(onChoose) {
    this.menu = /** @type {HTMLSelectElement} */ (byId("nodes"));
    this.list = byId("missing");
    /** @type {Map<string, string>} */
    this.missing = new Map();
    this.menu.addEventListener("change", () => onChoose(this.menu.value));
    document.addEventListener("logsrv-missing", (event) => this.add(/** @type {CustomEvent} */ (event).detail.missing));
  }

  /** Load the names of servers into the menu. Without other servers it stays hidden. */
  async load() {
    /** @type {{nodes: {name: string, nodes: string[]}[]}} */
    const { nodes } = await get("/api/nodes");
    const chosen = this.menu.value;
    this.menu.replaceChildren(option("", "This server"));
    if (nodes.length) this.menu.append(option(ALL, "All servers"));
    for (const { name, nodes: each } of nodes) {
      this.menu.append(option(name, each.length > 1 ? `${name}, all ${each.length}` : name));
      if (each.length > 1) this.menu.append(...each.map((one) => option(one)));
    }
    this.choose(chosen);
  }

  /** @param {string} names of the address; they are added if the menu does not have them */
  choose(names) {
    choose(this.menu, names);
    byId("nodes-choice").hidden = this.menu.options.length < 2;
  }

  /** Remove the sentences, because everything has been requested again. */
  clear() {
    this.missing.clear();
    this.draw();
  }

  /** @param {import("./api.js").Missing[]} missing */
  add(missing) {
    for (const { node, error } of missing) if (!this.missing.has(node)) this.missing.set(String(node), String(error));
    this.draw();
  }

  draw() {
    this.list.hidden = !this.missing.size;
    this.list.replaceChildren(
      ...[...this.missing].map(([node, error]) => element("p", "", element("strong", "", node === HERE ? "This server" : printable(node)), printable(`: ${error}.`))),
    );
  }
}

/**
 * Return whether the line is merged from several servers: its position is then a place in time.
 * @param {Line} line
 */
export const isMerged = (line) => Boolean(line.nodes) && !Object.values(line.nodes ?? {}).includes(line.position);

/**
 * Return a store that has the line, and the line's position there.
 * @param {Line} line
 * @param {string} nodes the shown servers
 * @returns {{nodes: string, position: string}}
 */
export function whereIs(line, nodes) {
  if (!line.nodes || !isMerged(line)) return { nodes, position: line.position };
  const { [HERE]: here, ...others } = line.nodes;
  const [[name, position]] = here ? [["", here]] : Object.entries(others);
  return { nodes: name, position };
}

/** @param {Line} line */
export const serversOf = (line) => Object.keys(line.nodes ?? {}).map((name) => (name === HERE ? "this server" : name));
