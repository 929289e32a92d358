/** Modules that are loaded when a reader needs them, so that the page is there sooner. */

import { ApiError } from "./api.js";

/**
 * Return a function that loads a module the first time, and returns what is made of it.
 * @template Module, Made
 * @param {() => Promise<Module>} find
 * @param {(module: Module) => Made} make
 * @returns {() => Promise<Made>}
 */
export function load(find, make) {
  /** @type {Promise<Made> | null} */
  let made = null;
  return () =>
    (made ??= find().then(make, () => {
      // Asked for again later, as any answer of the server.
      made = null;
      throw new ApiError(0, "The server does not answer.");
    }));
}
