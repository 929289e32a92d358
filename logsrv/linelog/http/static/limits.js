/** What an answer of figures is of, and what it lacks, in words. */

import { MOST_SHOWN } from "./grid.js";
import { printable } from "./text.js";
import { counted, moment, number } from "./times.js";

/**
 * @param {import("./grid.js").Answer} answer
 * @param {number} [all] the rows of its table
 * @param {number} [most] the most that are shown
 * @param {string} [first] which ones
 * @returns {string[]}
 */
export function limitsOf(answer, all = 0, most = MOST_SHOWN, first = "first") {
  const { every, lines, groups, rows, without, left_out, exact, absent, missed, cut = 0, at_least = [], compare } = answer;
  const one = counted(lines, "line matches", "lines match");
  const names = [...(typeof every === "number" ? ["time"] : []), ...answer.by.map(printable)];
  const of = names.length ? `, in ${counted(groups, "group")} by ${names.join(", ")}` : "";
  const said = [!lines ? "No line matches" : without.length ? `${one}, none has a number in ${without.map(printable).join(", ")}` : `${one}${of}`];
  if (lines && absent.length) said.push(`none has a field ${absent.map(printable).join(", ")}`);
  const [from, to] = every !== null && rows.length ? [rows[0][0], rows[rows.length - 1][0]].map((time) => moment(new Date(String(time)))) : [];
  if (cut) said.push(`${number(rows.length)} of ${counted(groups, "group")} are used, of those with most lines`);
  else if (rows.length < groups) said.push(`${number(rows.length)} of ${counted(groups, "group")} are used${from ? `, from ${from} to ${to}` : ", the first"}`);
  if (all > most) said.push(`the ${first} ${number(most)} of ${number(all)} rows are shown`);
  if (missed) said.push(`so many groups that those with few lines were forgotten, ${counted(left_out, "line")} in all: a row may lack up to ${counted(missed, "line")}, and no missing group has more`);
  if (!exact) said.push("p50, p95 and p99 are within 0.5 %");
  if (at_least.length) said.push(`${at_least.map(printable).join(", ")} may be larger`);
  if (compare?.missing_until) said.push(`the store has no lines of the earlier time up to ${moment(new Date(compare.missing_until))}`);
  return said;
}
