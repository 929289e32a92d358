/**
 * The modules of the page for the tests of this folder. PAGE is the folder in which test_modules_in_node.py has written
 * them as a browser gets them, with the server's tables in them.
 */

import { pathToFileURL } from "node:url";

if (!process.env.PAGE) throw new Error("These tests are run by pytest: .venv/bin/pytest tests/linelog/http/static");

try {
  new Intl.NumberFormat("en", { signDisplay: "negative" });
} catch {
  // Node 18 lacks what browsers have since 2022: no sign before a number that is shown as 0.
  const Known = Intl.NumberFormat;
  Intl.NumberFormat = class extends Known {
    constructor(locales, options) {
      super(locales, options?.signDisplay === "negative" ? { ...options, signDisplay: "auto" } : options);
    }

    format(value) {
      return super.format(value).replace(/^-(?=[0.,]*$)/, "");
    }
  };
}

const folder = pathToFileURL(`${process.env.PAGE}/`);

/** @param {string} name of a module */
export const page = (name) => import(new URL(name, folder).href);
