/** A chart of figures over time: its axes with units, a legend that chooses, a tip with exact values. */

import { shape } from "./bars.js";
import { button, element } from "./dom.js";
import { scale, short } from "./scale.js";
import { figureName, figuresOf, seriesOf, unitOf } from "./series.js";
import { printable } from "./text.js";
import { TimeBand } from "./time_band.js";
import { counted, long, span } from "./times.js";
import { formatOf, percent, shown, shownChange, unitFor } from "./units.js";

/** Pixels between two ticks of the figures. */
const A_TICK = 34;
/** Steps up to which each point of a curve has a dot. */
const MOST_DOTS = 60;
const LONGEST_LABEL = 48;

/** @typedef {import("./series.js").Series} Series */
/** @typedef {"bars" | "lines"} Kind */

/** @param {string} label */
const cut = (label) => printable(label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label);

export class Chart {
  /**
   * @param {HTMLElement} part is filled
   * @param {{select: (since: string, until: string) => void, figure: (name: string) => void, clear?: () => void}} told figure: called when another one was chosen; clear: by Escape without a selection
   * @param {boolean} [onBoard] whether it is one of a board: it offers no kinds, and a click leaves its tip
   */
  constructor(part, told, onBoard = false) {
    this.part = part;
    this.told = told;
    this.onBoard = onBoard;
    // Of a board, each panel has a heading.
    this.heading = element(onBoard ? "h3" : "h2", "chart-title");
    this.choices = element("div", "choices");
    this.unit = element("span", "unit");
    this.scale = element("div", "scale", this.unit);
    this.svg = shape("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    const [band, tip, status] = [element("div", "band"), element("div", "tip beside"), element("span", "unseen")];
    this.box = element("div", "histogram plot", band, tip);
    this.box.prepend(this.svg);
    this.axis = element("div", "axis");
    this.legend = element("ul", "legend by-field");
    status.setAttribute("role", "status");
    this.axis.ariaHidden = this.scale.ariaHidden = "true";
    this.box.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: "application", "aria-roledescription": "chart", "aria-describedby": "histogram-help" })) this.box.setAttribute(name, value);
    part.replaceChildren(element("div", "chart-head", this.heading, this.choices), element("div", "chart-plot", this.scale, this.box, this.axis), this.legend, status);
    /** @type {import("./series.js").Chart} */
    this.chart = { steps: [], series: [], colours: new Map(), adds: false, hidden: 0 };
    /** The name of the chosen figure's column; another answer may have it, too. */
    this.chosen = "";
    /** The label of the only series that is shown; "": all. */
    this.only = "";
    /** @type {Kind | ""} as chosen; "": bars of what adds up */
    this.kind = "";
    this.band = new TimeBand(this.box, status, {
      steps: () => this.chart.steps,
      tip: (from, to) => this.tip(from, to),
      select: told.select,
      clear: told.clear ?? (() => {}),
      clicks: !onBoard,
    });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** The column of the chosen figure; at first a share, for which the others stand there. */
  get column() {
    const figures = this.answer ? figuresOf(this.answer) : [];
    return figures.find((column) => this.answer?.columns[column] === this.chosen) ?? figures.find((column) => this.answer && unitOf(this.answer, column) === "share") ?? figures[0];
  }

  /**
   * @param {import("./grid.js").Answer} answer
   * @param {Date} when
   * @param {string} past what its figures are compared with, `1d`; "" unless they are
   */
  show(answer, when, past) {
    this.answer = answer;
    this.when = when;
    this.past = past;
    this.name = answer.columns[this.column];
    this.chart = seriesOf(answer, this.column, when, this.chart.colours);
    if (!this.chart.series.some(({ label }) => label === this.only)) this.only = "";
    const by = answer.by.length ? `, by ${answer.by.map(printable).join(", ")}` : "";
    this.heading.textContent = `${cut(figureName(this.name))} every ${long(answer.every ?? 1)}${by}`;
    this.box.setAttribute("aria-label", this.heading.textContent);
    const all = this.chart.series.flatMap(({ values, before }) => [...values, ...(before ?? [])]).filter((value) => value !== null);
    /** Of the figures in tips. */
    this.format = formatOf(all, unitOf(answer, this.column), this.chart.series.flatMap(changesOf));
    this.choose();
    this.showLegend();
    this.draw();
  }

  get shown() {
    return this.chart.series.filter(({ label }) => !this.only || label === this.only);
  }

  get isBars() {
    return this.kind ? this.kind === "bars" : this.chart.adds;
  }

  /**
   * Return whether a step is not over yet, beside others: its figures will still grow.
   * @param {number} index
   */
  isOpen(index) {
    return this.chart.steps.length > 1 && this.hasNow(index);
  }

  /** @param {number} index of a step */
  hasNow(index) {
    const { start, end } = this.chart.steps[index];
    const now = this.when?.getTime() ?? NaN;
    return start <= now && now < end;
  }

  /** Show the figures to choose from, and bars or lines. */
  choose() {
    const { answer } = this;
    if (!answer) return;
    const again = (/** @type {() => void} */ change) => {
      const index = [...this.choices.querySelectorAll("button")].findIndex((one) => one === document.activeElement);
      change();
      this.show(answer, this.when ?? new Date(), this.past ?? "");
      this.choices.querySelectorAll("button")[index]?.focus();
    };
    const choice = (/** @type {string} */ text, /** @type {boolean} */ isChosen, /** @type {() => void} */ change) => {
      const made = button(text, "choice-button", () => again(change));
      made.setAttribute("aria-pressed", String(isChosen));
      return made;
    };
    const figures = figuresOf(answer);
    const group = (/** @type {string} */ label, /** @type {HTMLElement[]} */ ...made) => {
      const one = element("div", "choice-group", ...made);
      one.setAttribute("role", "group");
      one.ariaLabel = label;
      return one;
    };
    const named = figures.map((column) => choice(cut(figureName(answer.columns[column])), column === this.column, () => {
      this.chosen = answer.columns[column];
      this.told.figure(this.chosen);
    }));
    const kinds = /** @type {Kind[]} */ (["bars", "lines"]).map((kind) => choice(kind === "bars" ? "Bars" : "Lines", this.isBars === (kind === "bars"), () => (this.kind = kind)));
    this.choices.replaceChildren(...(figures.length > 1 ? [group("Figure", ...named)] : []), ...(this.onBoard ? [] : [group("Drawn as", ...kinds)]));
  }

  showLegend() {
    const { series, hidden } = this.chart;
    const entries = series.map(({ name, label }) => {
      const alone = this.only === label;
      const choose = button(cut(label), "link", () => {
        this.only = alone ? "" : label;
        this.showLegend();
        this.draw();
        /** @type {HTMLElement} */ (this.legend.children[series.findIndex((one) => one.label === label)].firstChild).focus();
      });
      choose.title = alone ? "Show all" : `Show only ${printable(label)}`;
      choose.setAttribute("aria-pressed", String(alone));
      return element("li", `bar-${name}${this.only && !alone ? " off" : ""}`, series.length > 1 ? choose : cut(label));
    });
    if (this.past) entries.push(element("li", "dashed", `${cut(figureName(this.name ?? ""))}, ${this.past} before`));
    if (hidden) entries.push(element("li", "quiet", `${counted(hidden, "other is", "others are")} not drawn`));
    this.legend.replaceChildren(...entries);
  }

  /** The series with dashed curves: over stacked bars their sums. */
  get before() {
    const shown = this.shown.filter(({ before }) => before);
    if (!this.isBars || !this.chart.adds || !shown.length) return shown;
    const sum = this.chart.steps.map((_, index) => sumOf(shown.map(({ before }) => before?.[index] ?? null)));
    return [{ ...shown[0], name: "total", before: sum }];
  }

  draw() {
    const { steps, adds } = this.chart;
    const { shown, isBars, before } = this;
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    if (!width || !height) return;
    const stacked = isBars && adds;
    const all = [...shown.map(({ values }) => values), ...before.map((one) => one.before ?? [])].flat().map(Number);
    const sums = stacked ? steps.flatMap((_, index) => [-1, 1].map((sign) => shown.reduce((sum, { values }) => sum + Math.max(0, sign * (values[index] ?? 0)), 0) * sign)) : [];
    const ends = [...all, ...sums];
    const [least, most] = [ends.reduce((a, b) => Math.min(a, b), 0), ends.reduce((a, b) => Math.max(a, b), 0)];
    const { size, unit } = unitFor(Math.max(most, -least), this.answer ? unitOf(this.answer, this.column) : "");
    const { low, high, ticks } = scale(least / size, most / size, Math.max(1, Math.floor(height / A_TICK)));
    const tickAt = (/** @type {number} */ value) => height - (height * (value - low)) / (high - low);
    const y = (/** @type {number} */ value) => tickAt(value / size);
    this.unit.textContent = /^count(_before)?$/.test(this.name ?? "") ? "lines" : unit;
    const x = (/** @type {number} */ time) => width * this.band.part(time);
    this.scale.replaceChildren(this.unit, ...ticks.map((value) => {
      const label = element("span", "", short(value));
      // A part of the height, as the curves are: paper has another height.
      label.style.top = `${(100 * tickAt(value)) / height}%`;
      return label;
    }));
    this.scale.style.width = `${Math.max(3, this.unit.textContent?.length ?? 0, ...ticks.map((value) => short(value).length)) + 1}ch`;
    const grid = ticks.map((value) => shape("path", { class: value ? "grid" : "grid zero", d: `M0 ${tickAt(value)}H${width}` }));
    const shapes = isBars ? this.bars(stacked, x, y) : shown.flatMap(({ name, values }) => this.curve(`bar-${name}`, values, x, y));
    const dashed = before.flatMap((one) => this.curve(`bar-${one.name} dashed`, one.before ?? [], x, y));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...grid, ...shapes, ...dashed);
    this.band.label(this.axis);
    this.band.draw();
  }

  /**
   * Return bars: stacked, or side by side.
   * @param {boolean} stacked
   * @param {(time: number) => number} x
   * @param {(value: number) => number} y
   */
  bars(stacked, x, y) {
    const { shown } = this;
    return this.chart.steps.flatMap(({ start, end }, index) => {
      const [left, wide] = [x(start), x(end) - x(start)];
      const each = stacked ? wide : wide / shown.length;
      const gap = each > 6 ? 1.5 : each > 3 ? 1 : 0;
      const tops = { up: 0, down: 0 };
      return shown.flatMap(({ name, values }, number) => {
        const value = values[index];
        if (!value) return [];
        const side = value > 0 ? "up" : "down";
        const from = stacked ? tops[side] : 0;
        tops[side] = from + value;
        const [top, bottom] = [Math.min(y(from), y(from + value)), Math.max(y(from), y(from + value))];
        // One line among a million stays visible.
        const tall = Math.max(1.5, bottom - top);
        return [shape("rect", { class: `bar bar-${name}${this.isOpen(index) ? " open" : ""}`, x: left + (stacked ? 0 : number * each), y: value > 0 ? bottom - tall : top, width: Math.max(0.75, each - gap), height: tall })];
      });
    });
  }

  /**
   * Return a curve, which is broken where there is no figure; a point alone is a dot. To a step that is not over yet it is
   * dimmed: the fall of its sum is no outage.
   * @param {string} style
   * @param {import("./series.js").Values} values
   * @param {(time: number) => number} x
   * @param {(value: number) => number} y
   */
  curve(style, values, x, y) {
    const { steps } = this.chart;
    /** @type {SVGElement[]} */
    const dots = [];
    let [path, open, last] = ["", "", ""];
    values.forEach((value, index) => {
      if (value === null) return;
      const [across, down] = [x((steps[index].start + steps[index].end) / 2).toFixed(1), y(value).toFixed(1)];
      const begins = typeof values[index - 1] !== "number";
      const isOpen = !begins && (this.isOpen(index) || this.isOpen(index - 1));
      if (isOpen) open += `M${last}L${across} ${down}`;
      path += `${begins || isOpen ? "M" : "L"}${across} ${down}`;
      last = `${across} ${down}`;
      if ((begins && typeof values[index + 1] !== "number") || (steps.length <= MOST_DOTS && !style.includes("dashed"))) dots.push(shape("circle", { class: `bar ${style}${this.isOpen(index) ? " open" : ""}`, cx: across, cy: down, r: 2 }));
    });
    const rest = open ? [shape("path", { class: `curve ${style} open`, d: open })] : [];
    return path ? [shape("path", { class: `curve ${style}`, d: path }), ...rest, ...dots] : [];
  }

  /**
   * Return the exact figures of one step; of several steps the sums of what adds up.
   * @param {number} from
   * @param {number} to
   */
  tip(from, to) {
    const { steps, adds } = this.chart;
    const head = element("div", "", `${span(new Date(steps[from].from), new Date(steps[to].to))}${this.hasNow(to) ? ", so far" : ""}`);
    const of = (/** @type {import("./series.js").Values} */ values) => (from === to ? values[from] : adds ? sumOf(values.slice(from, to + 1)) : null);
    const format = /** @type {import("./units.js").Format} */ (this.format);
    const said = (/** @type {number | null} */ value) => (value === null ? "–" : shown(value, format));
    const sum = this.isBars && adds && this.shown.length > 1 ? this.shown.reduce((/** @type {number} */ all, { values }) => all + (of(values) ?? 0), 0) : 0;
    const hasShares = sum > 0 && this.shown.every(({ values }) => (of(values) ?? 0) >= 0);
    const rows = this.shown.map(({ name, label, values, before }) => {
      const [value, old] = [of(values), before && of(before)];
      const since = value !== null && typeof old === "number" ? `, ${shownChange(value - old, format)}` : "";
      const past = before ? ` · ${this.past} before ${said(old)}${since}` : "";
      const share = hasShares && value !== null ? ` (${percent(value / sum)})` : "";
      return element("div", `tip-row bar-${name}`, element("span", "", cut(label)), " ", element("b", "", said(value)), share, past);
    });
    if (sum) rows.push(element("div", "tip-sum", "sum ", element("b", "", said(sum))));
    return [head, ...(from === to || adds ? rows : [element("div", "", "Enter, or letting go, shows this time")])];
  }
}

/** @param {Series} series */
const changesOf = ({ values, before }) => values.flatMap((value, index) => (value === null || typeof before?.[index] !== "number" ? [] : [value - before[index]]));

/**
 * Return the sum of values, null if one is unknown.
 * @param {import("./series.js").Values} values
 */
const sumOf = (values) => values.reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);
