/** The stages behind a query's filter: `… | extract "took <ms> ms" | where ms>5 | avg ms by app`. */

import { nameOf, writtenField } from "./field_names.js";
import { atoms, filterAt, pieceAt, withBoth, withTerm } from "./query.js";
import { STAGES, stageNamed } from "./stage_list.js";

/** @typedef {"lines" | "limit" | "ordered" | "table"} Kind the lines as they come, so many of them, lines in an order of their own, figures */
/** @typedef {{text: string, start: number, begin: number, end: number}} Stage its text, and where it is in the query, without the `|`; begin: without spaces, too */
/** @typedef {{kind: "word" | "name" | "figure", typed: string, start: number, end: number, words: string[], behind: string}} StagePiece words: to choose from; of a name: none; behind: the word before it; figure: a column of the figures before this stage */

/** What may stand in a stage: a name in backticks, which may be unfinished, a comma, another word. */
const TOKEN = /`(?:[^`]|``)*(?:`(?!`)|$)|,|[^\s,]+/g;
/** Names of parts of a message, in the text or expression of `extract`. */
const PART = /<([A-Za-z_]\w*)>/g;

/**
 * Return the filter and the stages of a query, which may be unfinished.
 * @param {string} query
 * @returns {Stage[]}
 */
export function stagesOf(query) {
  const found = [];
  for (let start = 0; ; ) {
    const end = endOfStage(query, start);
    const text = query.slice(start, end).trim();
    found.push({ text, start, begin: query.indexOf(text, start), end });
    if (end >= query.length) return found;
    start = end + 1;
  }
}

/**
 * Return where the stage that begins at `start` ends: at a `|` or with the query.
 * @param {string} query
 * @param {number} start
 */
function endOfStage(query, start) {
  const rest = query.slice(start);
  const name = /^\s*([a-z0-9_]*)/.exec(rest)?.[1] ?? "";
  if (!start || stageNamed(name)?.kind === "lines") return filterAt(query, start).end;
  const pipe = [...rest.matchAll(TOKEN)].find((one) => one[0] === "|");
  return pipe ? start + pipe.index : query.length;
}

/**
 * Return the words of a stage, names as they are written, with their bounds in it.
 * @param {string} text
 */
export function tokensOf(text) {
  const found = [...text.matchAll(TOKEN)];
  return found.map(({ 0: word, index }, number) => ({ word, start: index, end: index + word.length, isBehindComma: found[number - 1]?.[0] === "," }));
}

/** @param {string} text */
const wordsOf = (text) => tokensOf(text).map(({ word }) => word);

/**
 * Return the word behind another one of a stage; "" without it.
 * @param {string} text
 * @param {string} word
 */
const wordBehind = (text, word) => wordsOf(text)[wordsOf(text).indexOf(word, 1) + 1 || -1] ?? "";

/** @param {Stage} stage */
const nameOfStage = (stage) => /^[a-z0-9_]*/.exec(stage.text)?.[0] ?? "";

/** @param {Stage} stage */
const known = (stage) => stageNamed(nameOfStage(stage));

/**
 * Return what a query is answered with.
 * @param {string} query
 * @returns {Kind}
 */
export function kindOf(query) {
  const kinds = stagesOf(query).slice(1).map((stage) => known(stage)?.kind);
  if (kinds.includes("beside")) return "lines";
  if (kinds.includes("table")) return "table";
  if (kinds.includes("ordered")) return "ordered";
  return kinds.includes("limit") ? "limit" : "lines";
}

/**
 * Return the stage of patterns of a query: `patterns by app`; "" without one.
 * @param {string} query
 */
export const patternsOf = (query) => stagesOf(query).slice(1).find((stage) => known(stage)?.kind === "beside")?.text ?? "";

/**
 * Return whether a stage of patterns asks for new ones. Lines of any time before are known ones.
 * @param {string} stage
 */
export const isOfNew = (stage) => wordBehind(stage, "since") !== "";

/**
 * Return the query whose answer is shown instead of lines: patterns are a list beside their lines.
 * @param {string} query
 */
export const besidePatterns = (query) => (patternsOf(query) ? asLines(query) : query);

/**
 * Return the number of lines that a query has at most, such as that of `limit`; Infinity without one.
 * @param {string} query
 */
export function limitOf(query) {
  const stages = stagesOf(query).slice(1).filter((stage) => known(stage)?.takes === "number");
  return Math.min(...stages.map(({ text }) => Number(/^\w+\s+(\d+)$/.exec(text)?.[1] ?? Infinity)));
}

/**
 * Return the field by whose numbers lines are sorted; "" if they are not.
 * @param {string} query
 */
export function sortOf(query) {
  const stage = stagesOf(query).slice(1).find((one) => nameOfStage(one) === "sort");
  const [, ...words] = wordsOf(stage?.text ?? "");
  const field = nameOf(words.find((word, number) => !words[1] || !["asc", "desc", number ? "" : "by"].includes(word)) ?? "");
  return field === "time" ? "" : field;
}

/**
 * Return words for the lines of a query in an order of their own: before their number, and for what other lines lack.
 * @param {string} query
 */
export function orderOf(query) {
  const { order = "", lack = "" } = stagesOf(query).slice(1).map(known).find((one) => one?.kind === "ordered") ?? {};
  return { order, lack };
}

/**
 * Return the time back with which a query compares its figures: `1d`; "" if it does not.
 * @param {string} query
 */
export const pastOf = (query) => stagesOf(query).slice(1).map(({ text }) => wordBehind(text, "compare")).find(Boolean) ?? "";

/** @param {Stage[]} stages */
const joined = (stages) => stages.map(({ text }) => text).join(" | ").trim();

/**
 * Return the stages that choose lines or add fields to them; behind figures, `where` is of these.
 * @param {Stage[]} stages
 */
function stagesOfLines(stages) {
  const figures = stages.findIndex((stage) => known(stage)?.kind === "table");
  return stages.filter((stage, number) => known(stage)?.kind === "lines" && (figures < 0 || number < figures));
}

/**
 * Return the query for the lines that an answer is made of.
 * @param {string} query
 */
export function asLines(query) {
  const [filter, ...stages] = stagesOf(query);
  return joined([filter, ...stagesOfLines(stages)]);
}

/**
 * Return the query for those of its lines that another filter finds, too.
 * @param {string} query
 * @param {string} other
 */
export function withFilter(query, other) {
  const [filter, ...stages] = stagesOf(asLines(query));
  return joined([{ ...filter, text: withBoth(filter.text, other) }, ...stages]);
}

/**
 * Return the texts and expressions to mark in a message.
 * @param {string} query
 */
export function wanted(query) {
  const ofLines = stagesOfLines(stagesOf(query).slice(1)).filter((stage) => known(stage)?.takes === "filter");
  const filters = [0, ...ofLines.map((stage) => stage.begin + nameOfStage(stage).length)];
  const positive = filters.flatMap((start) => atoms(query, start)).filter((atom) => !atom.negated && atom.text);
  return {
    texts: positive.filter((atom) => atom.kind === "word" || atom.kind === "phrase").map((atom) => atom.text),
    regexes: positive.filter((atom) => atom.kind === "regex").map((atom) => atom.text),
  };
}

/**
 * Return the names of the parts of messages that a query extracts.
 * @param {string} query
 */
export const extractedNames = (query) => stagesOf(query).flatMap(({ text }) => [...text.matchAll(PART)].map((part) => part[1]));

/**
 * Return a query with a condition for its lines. For an extracted field it stands behind the extraction.
 * @param {string} query
 * @param {string} field
 * @param {string | null} value null: any
 * @param {boolean} exclude
 */
export function withCondition(query, field, value, exclude) {
  const [filter, ...stages] = stagesOf(query);
  const term = withTerm("", field, value, exclude);
  const last = stages.findLastIndex((stage) => nameOfStage(stage) === "extract" && [...stage.text.matchAll(PART)].some((part) => part[1] === field));
  if (last < 0) return joined([{ ...filter, text: withTerm(filter.text, field, value, exclude) }, ...stages]);
  if (!stages.some(({ text }) => text === `where ${term}`)) stages.splice(last + 1, 0, { ...filter, text: `where ${term}` });
  const opposite = `where ${withTerm("", field, value, !exclude)}`;
  return joined([filter, ...stages.filter(({ text }) => text !== opposite)]);
}

/** Words of a stage of figures behind which none of its names follows. */
const NO_NAMES = new Set(["every", "compare"]);

/**
 * Return the names of the columns that figures before a position have: groups, figures by their names, and those of `let`.
 * @param {string} query
 * @param {number} position in a stage behind them
 */
export function figuresBefore(query, position) {
  const stages = stagesOf(query).slice(1).filter((stage) => stage.end < position);
  /** @type {string[]} */
  const found = [];
  for (const stage of stages) {
    if (nameOfStage(stage) === "let") found.push(nameOf(/^let\s+(`(?:[^`]|``)*`|[^\s=]+)/.exec(stage.text)?.[1] ?? ""));
    else if (known(stage)?.kind === "table") found.push(...columnsOf(stage.text));
  }
  return [...new Set(found)].filter(Boolean);
}

/**
 * Return the columns of a stage of figures: `avg ms, count as lines by app` has app, avg_ms, lines.
 * @param {string} text
 */
export function columnsOf(text) {
  // A condition's texts may have brackets and commas, names in backticks may have quotation marks.
  text = text.replace(/`(?:[^`]|``)*`|"(?:[^"\\]|\\.)*"?/g, (one) => (one[0] === "`" ? one : "_".repeat(one.length)));
  const [figures, groups = ""] = parted(text, "by");
  const by = tokensOf(parted(parted(groups, "every")[0], "compare")[0]).map(({ word }) => word).filter((word) => word !== ",");
  const names = listed(parted(parted(figures, "every")[0], "compare")[0]).map((each) => {
    const words = wordsOf(each.replace(/\(.*\)|\(.*/, " "));
    const as = words.indexOf("as", 1);
    if (as > 0) return nameOf(words[as + 1] ?? "");
    return words.filter((word) => !NO_NAMES.has(word)).map(nameOf).join("_");
  });
  return [...by.map(nameOf), ...names];
}

/**
 * Return a text in two, before and behind a word of it outside brackets.
 * @param {string} text
 * @param {string} word
 */
export function parted(text, word) {
  let depth = 0;
  for (const one of tokensOf(text)) {
    if (one.word === word && !depth) return [text.slice(0, one.start), text.slice(one.end)];
    depth += one.word.split("(").length - one.word.split(")").length;
  }
  return [text];
}

/** Return the figures of a list, apart at its commas outside brackets. @param {string} text */
function listed(text) {
  let depth = 0;
  const found = [""];
  for (const character of text) {
    depth += Number(character === "(") - Number(character === ")");
    if (character === "," && !depth) found.push("");
    else found[found.length - 1] += character;
  }
  return found;
}

/**
 * Return a query for the lines with a value and no other condition; what it makes of its lines stays.
 * @param {string} query
 * @param {string} field
 * @param {string} value
 */
export function withOnly(query, field, value) {
  const [filter, ...stages] = stagesOf(query);
  const ofLines = new Set(stagesOfLines(stages).filter((stage) => known(stage)?.takes === "filter"));
  return withCondition(joined([{ ...filter, text: "" }, ...stages.filter((stage) => !ofLines.has(stage))]), field, value, false);
}

/**
 * Return a query whose lines are sorted by a field: the largest first, then the smallest, then as they come.
 * @param {string} query
 * @param {string} field
 */
export function withSort(query, field) {
  const [filter, ...stages] = stagesOf(query);
  const [largest, smallest] = [`sort ${writtenField(field)}`, `sort ${writtenField(field)} asc`];
  const earlier = stages.find((stage) => nameOfStage(stage) === "sort")?.text;
  const next = earlier === largest ? smallest : earlier === smallest ? "" : largest;
  const others = stages.filter((stage) => nameOfStage(stage) !== "sort");
  return joined([filter, ...others, ...(next ? [{ ...filter, text: next }] : [])]);
}

/**
 * Return the piece of a stage at the cursor that can be completed; null in a filter, or if there is none.
 * @param {string} query
 * @param {number} cursor
 * @returns {StagePiece | ReturnType<typeof pieceAt>}
 */
export function pieceOfQuery(query, cursor) {
  const stage = stagesOf(query).find(({ start, end }) => start <= cursor && cursor <= end);
  if (!stage || !stage.start) return pieceAt(query, cursor);
  const tokens = tokensOf(query.slice(stage.start, stage.end)).map((one) => ({ ...one, start: stage.start + one.start, end: stage.start + one.end }));
  const at = tokens.find(({ word, start, end }) => word !== "," && start < cursor && cursor <= end);
  const piece = { typed: nameOf(query.slice(at?.start ?? cursor, cursor)), start: at?.start ?? cursor, end: at?.end ?? cursor };
  const earlier = tokens.filter(({ end }) => end <= piece.start);
  const words = earlier.map(({ word }) => word).filter((word) => word !== ",");
  const before = words[words.length - 1] ?? "";
  /** @param {string[]} choice */
  const word = (choice) => /** @type {StagePiece} */ ({ kind: "word", ...piece, words: choice, behind: before });
  const figures = figuresBefore(query, stage.start);
  /** @type {StagePiece} */
  const field = { kind: figures.length ? "figure" : "name", ...piece, words: [], behind: before };
  if (!words.length) return cursor > stage.start ? word(STAGES.flatMap(({ names }) => names)) : null;
  const one = stageNamed(words[0]);
  if (one?.takes === "filter") {
    const found = pieceAt(query, cursor, stage.begin + words[0].length);
    if (!figures.length || !found) return found;
    if (found.kind === "field") return { ...field, typed: found.typed, start: found.start, end: found.end };
    // Of a group there are values to choose from, of a figure none.
    return stagesOf(query).some(({ text, end }) => end < stage.start && parted(text, "by")[1]?.includes(found.field)) ? found : null;
  }
  if (one?.takes === "figures") return pieceOfSum(query, cursor, stage, field);
  if (one?.takes !== "words") return null;
  const isBehindComma = earlier[earlier.length - 1].word === ",";
  if (isBehindComma) return words.includes("by") ? field : word(one.afterComma);
  const behind = one.behind[words[words.length - 1]];
  if (behind) return behind.length ? word(behind) : field;
  return word(one.words.filter((each) => !words.includes(each)));
}

/** Return the name at the cursor behind the `=` of `let`. @param {string} query @param {number} cursor @param {Stage} stage @param {StagePiece} field */
function pieceOfSum(query, cursor, stage, field) {
  const sum = /^\s*let\s+(?:`(?:[^`]|``)*`|[^\s=]+)\s*=(.*)$/s.exec(query.slice(stage.start, cursor))?.[1];
  if (sum === undefined || field.kind !== "figure") return null;
  const written = /(?:`(?:[^`]|``)*|[\p{L}_@][\p{L}\p{M}\p{N}_@.]*)$/u.exec(sum)?.[0] ?? "";
  // Behind a name or a number there is no other name.
  if (!written && /[\p{L}\p{N}_)`]\s*$/u.test(sum)) return null;
  const rest = written ? (/^[\p{L}\p{M}\p{N}_@.]*`?/u.exec(query.slice(cursor))?.[0] ?? "") : "";
  return { ...field, typed: nameOf(written), start: cursor - written.length, end: cursor + rest.length };
}

/**
 * Return the bounds of each `|` of a query, and of the words of its stages.
 * @param {string} query
 * @returns {[number, number][]}
 */
export function wordsOfStages(query) {
  /** @type {[number, number][]} */
  const found = [];
  for (const stage of stagesOf(query).slice(1)) {
    const { text, start, begin } = stage;
    found.push([start - 1, start]);
    const one = known(stage);
    if (!one) continue;
    found.push([begin, begin + nameOfStage(stage).length]);
    if (one.takes !== "words") continue;
    const keywords = [...one.words, ...Object.keys(one.behind)].filter((word) => !one.names.includes(word));
    for (const { word, start: from, end, isBehindComma } of tokensOf(text).slice(1)) {
      if ((isBehindComma ? one.afterComma : keywords).includes(word)) found.push([begin + from, begin + end]);
    }
  }
  return found;
}
