/**
 * The answers of the API, as the page's scripts read them: types for `tsc --checkJs`, nothing that is sent.
 *
 * An interface has the members that docs/http.md shows for its path; tests/linelog/http/test_answers.py
 * compares them. A member that only some answers have is optional.
 */

/** `search`: a line of the answer; `tail`: an event "line". */
export interface Line {
  position: string;
  time: string;
  source: string;
  message: string;
  level: string | null;
  fields: Record<string, unknown>;
  /** The program, if it is in a field with another name than `app`. */
  app?: string;
  /** The line is a neighbour of another one. */
  context?: boolean;
  /** Lines after it may be shown already. */
  late?: boolean;
  /** It was not asked for, but belongs to a record at the edge of the answer. */
  beyond?: boolean;
  /** The position of the first line of its record, if that is another one. */
  continues?: string;
  /** Of a part of a line that a container's runtime cut: its text, with which the line before goes on. */
  rest?: string;
  /** Of the last part: the whole line. */
  whole?: { message: string; level: string | null; fields: Record<string, unknown>; app?: string };
  /** Of sorted lines: the number by which they are sorted. */
  number?: number | null;
  /** The unit of this number, if it is known. */
  unit?: string;
}

/** The lines of a record, or a line and its neighbours. */
export interface Lines {
  lines: Line[];
}

export interface Count {
  value: string;
  count: number;
}

export interface Top {
  field: string;
  total: number;
  missed: number;
  values: Count[];
}

export interface Pattern {
  /** Of the field by which patterns are counted; null: its lines have none. */
  value?: string | null;
  pattern: string;
  app: string;
  level: string | null;
  count: number;
  first: string | null;
  position: string;
  query: string | null;
}

export interface Patterns {
  patterns: Pattern[];
  lines: number;
  forgotten: number;
  /** The time of the oldest line that was read; null: all were read. */
  since: string | null;
  total: number;
}

export interface Bucket {
  time: string;
  count: number;
  levels: Record<string, number>;
  /** The key "" counts lines without the field. */
  values?: Record<string, number>;
}

export interface Histogram {
  since: string;
  until: string;
  step: number;
  end: string;
  buckets: Bucket[];
  by?: string;
  values?: string[];
  missed?: number;
}

export type Cell = string | number | null;

export interface Compare {
  shift: number;
  missing_until: string | null;
  known_since?: string | null;
}

export interface Table {
  columns: string[];
  /** What the cells of each column are: query/question.py. */
  kinds?: string[];
  /** Of the numbers of each column. */
  units?: (string | null)[];
  rows: Cell[][];
  by: string[];
  every: number | null;
  /** Starts and ends, if there is an `every`. */
  steps?: [string, string][];
  since?: string | null;
  until?: string | null;
  groups: number;
  lines: number;
  without: string[];
  left_out: number;
  exact: boolean;
  absent: string[];
  missed: number;
  cut?: number;
  at_least?: string[];
  compare?: Compare | null;
}

export interface FieldCount {
  name: string;
  lines: number;
}

export interface Fields {
  fields: FieldCount[];
  sampled: number;
}

export interface Stats {
  segments: number;
  lines: number;
  bytes: number;
  compressed: number;
  oldest: string | null;
  newest: string | null;
  position: string;
}

export interface Progress {
  read: number;
  of: number;
  since?: string;
}

/** A line of an answer that tells its progress; the last one is without `progress`. */
export interface ProgressLine<Answer> {
  progress?: Progress;
  answer?: Answer;
  missing?: string;
  error?: string;
}

/** A condition with a variable, in a saved query. */
export interface Comparison {
  variable: string;
  field: string;
  /** The field as the query has it. */
  written: string;
  op: string;
  before: string;
  /** The text that replaces `before` and the condition if all values are chosen. */
  all: string;
}

export interface SavedSearch {
  name: string;
  q?: string;
  since?: string;
  until?: string;
  last?: string;
  columns?: string;
  by?: string;
  /** Why its query is wrong now. */
  error?: string;
  /** The query in parts, if it has variables. */
  template?: (string | Comparison)[];
}

export interface SavedPanel {
  search: string;
  as: "table" | "bars" | "lines" | "number";
  /** Whose time it shows once the board has one. */
  time?: "own" | "board";
  width?: "narrow" | "wide";
  /** The column that its chart draws. */
  figure?: string;
}

export interface SavedBoard {
  name: string;
  panels: SavedPanel[];
  /** The fields of some variables. */
  variables?: Record<string, string>;
}

export interface Saved {
  enabled: boolean;
  why_not?: string;
  saved: SavedSearch[];
  boards: SavedBoard[];
}

/** Values of the fields of `by`, none without `by`; null: groups that are counted together. */
export type Group = Record<string, string | null> | null;

export interface Episode {
  group: Group;
  begin: string;
  end: string | null;
  figures?: string;
}

export interface FiringGroup {
  group: Group;
  since: string;
  figures: string;
  silenced: boolean;
}

export interface Delivery {
  way: string;
  state: "none" | "sent" | "waiting" | "failed";
  time: string | null;
  why: string;
  next: string | null;
}

export interface Silence {
  id: string;
  alert: string;
  /** null: all groups. */
  group: Group;
  until: string;
  reason: string;
  begun: string | null;
}

export interface Alert {
  name: string;
  /** Its text. */
  alert: string;
  of: "configuration" | "page";
  ways: string[];
  /** A sentence, if its text is wrong now. */
  error: string;
  /** The column of the error. */
  at?: number | null;
  state: "quiet" | "firing" | "lines";
  /** The groups that fire. */
  groups: FiringGroup[];
  group_count: number;
  last: Episode | null;
  delivery: Delivery[];
}

export interface Alerts {
  may_change: boolean;
  why_not: string;
  trouble?: string;
  since: string;
  ways: string[];
  alerts: Alert[];
  silences: Silence[];
}

/** Of an alert with a condition: when it would have fired, in order. */
export interface PastEpisodes {
  condition: true;
  episodes: Episode[];
  total: number;
  left_out: boolean;
  since: string;
  until: string;
}

/** Of an alert without one: the lines that match, and the messages that would have told of them. */
export interface PastLines {
  condition: false;
  episodes: Episode[];
  total: number;
  lines: number;
  messages: number;
  since: string;
  until: string;
}

export interface Me {
  name: string | null;
  may: string[];
  /** The condition of the lines that are seen; null for all. */
  only: string | null;
  /** A cookie tells who asks. */
  log_out: boolean;
}

/** The answer of each path, whatever the method. */
export interface Answers {
  "/api/top": Top;
  "/api/patterns": Patterns;
  "/api/histogram": Histogram;
  "/api/table": Table;
  "/api/fields": Fields;
  "/api/stats": Stats;
  "/api/show": Lines;
  "/api/record": Lines;
  "/api/saved": Saved;
  [saved: `/api/saved/${string}`]: Saved;
  "/api/alerts": Alerts;
  [alert: `/api/alerts/${string}`]: Alerts;
  "/api/silences": Alerts;
  [silence: `/api/silences/${string}`]: Alerts;
  "/api/would_fire": PastEpisodes | PastLines;
  "/api/me": Me;
  "/healthz": unknown;
}

/** The paths that can tell their progress. */
export type CountedPath = "/api/patterns" | "/api/histogram" | "/api/table";
