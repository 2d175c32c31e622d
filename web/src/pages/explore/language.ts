// Language: PromQL as the box sees it: its words for colours, and what may come next at the cursor.
export const FUNCTIONS: [string, string][] = [
  ["abs", "(v)"], ["absent", "(v)"], ["absent_over_time", "(m)"], ["avg_over_time", "(m)"], ["ceil", "(v)"], ["changes", "(m)"], ["clamp", "(v, min, max)"],
  ["clamp_max", "(v, max)"], ["clamp_min", "(v, min)"], ["count_over_time", "(m)"], ["day_of_month", "(v)"], ["day_of_week", "(v)"], ["day_of_year", "(v)"],
  ["days_in_month", "(v)"], ["delta", "(m)"], ["deriv", "(m)"], ["exp", "(v)"], ["floor", "(v)"], ["histogram_quantile", "(φ, v)"], ["holt_winters", "(m, sf, tf)"],
  ["hour", "(v)"], ["idelta", "(m)"], ["increase", "(m)"], ["irate", "(m)"], ["label_join", "(v, dst, sep, src…)"], ["label_replace", "(v, dst, to, src, regex)"],
  ["last_over_time", "(m)"], ["ln", "(v)"], ["log10", "(v)"], ["log2", "(v)"], ["max_over_time", "(m)"], ["min_over_time", "(m)"], ["minute", "(v)"], ["month", "(v)"],
  ["pi", "()"], ["predict_linear", "(m, seconds)"], ["present_over_time", "(m)"], ["quantile_over_time", "(φ, m)"], ["rate", "(m)"], ["resets", "(m)"], ["round", "(v, to)"],
  ["scalar", "(v)"], ["sgn", "(v)"], ["sort", "(v)"], ["sort_desc", "(v)"], ["sqrt", "(v)"], ["stddev_over_time", "(m)"], ["stdvar_over_time", "(m)"],
  ["sum_over_time", "(m)"], ["time", "()"], ["timestamp", "(v)"], ["vector", "(s)"], ["year", "(v)"],
];
const AGGREGATIONS = ["avg", "bottomk", "count", "count_values", "group", "max", "min", "quantile", "stddev", "stdvar", "sum", "topk"];
const KEYWORDS = ["and", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "or", "unless", "without"];

export interface Known { metrics: { name: string; help: string }[]; labels: string[]; values: (label: string) => string[] }
export interface Hint { text: string; kind: "metric" | "label" | "value" | "function" | "aggregation" | "keyword" | "range"; more: string; insert: string }
export interface Token { text: string; kind: string }

const TOKEN = /("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?)|(#[^\n]*)|([a-zA-Z_:][\w:]*)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*)|(\s+)|(.)/gu;

/** The text in pieces, each with the name of its colour. */
export function tokens(text: string): Token[] {
  const functions = new Set(FUNCTIONS.map(([name]) => name));
  return [...text.matchAll(TOKEN)].map(([whole, quoted, comment, word, amount]) => {
    if (quoted) return { text: whole, kind: "string" };
    if (comment) return { text: whole, kind: "comment" };
    if (amount) return { text: whole, kind: "amount" };
    if (!word) return { text: whole, kind: "" };
    if (functions.has(word) || AGGREGATIONS.includes(word)) return { text: whole, kind: "function" };
    return { text: whole, kind: KEYWORDS.includes(word) ? "keyword" : "name" };
  });
}

/** The last brace before the cursor that is still open, and its position. */
function openBrace(before: string): { brace: string; at: number } {
  const open: { brace: string; at: number }[] = [];
  let at = 0;
  for (const token of tokens(before)) {
    if ("{([".includes(token.text)) {
      open.push({ brace: token.text, at });
    } else if ("})]".includes(token.text)) {
      open.pop();
    }
    at += token.text.length;
  }
  return open[open.length - 1] ?? { brace: "", at: -1 };
}

const begins = (word: string) => (hint: Hint) => hint.text.toLowerCase().startsWith(word.toLowerCase()) && hint.text !== word;
const contains = (word: string) => (hint: Hint) => hint.text.toLowerCase().includes(word.toLowerCase()) && !begins(word)(hint) && hint.text !== word;

function rank(hints: Hint[], word: string): Hint[] {
  return [...hints.filter(begins(word)), ...(word.length > 1 ? hints.filter(contains(word)) : [])].slice(0, 12);
}

/** What may stand at the cursor: the hints, and from where they replace the text. */
export function complete(text: string, cursor: number, known: Known): { from: number; hints: Hint[] } {
  const before = text.slice(0, cursor);
  const value = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)$/.exec(before);
  const { brace, at } = openBrace(before);
  const word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? "";
  const from = cursor - word.length;
  if (brace === "{" && value) {
    const typed = value[2] ?? "";
    const hints = known.values(value[1] ?? "").map((one): Hint => ({ text: one, kind: "value", more: "", insert: `${one.replace(/[\\"]/g, "\\$&")}"` }));
    return { from: cursor - typed.length, hints: rank(hints, typed) };
  }
  if (brace === "[") {
    const typed = before.slice(at + 1);
    return { from: at + 1, hints: rank(["1m", "5m", "15m", "1h", "6h", "1d"].map((one): Hint => ({ text: one, kind: "range", more: "", insert: `${one}]` })), typed) };
  }
  const labels = known.labels.map((one): Hint => ({ text: one, kind: "label", more: "", insert: brace === "{" ? `${one}="` : one }));
  if (brace === "{" || (brace === "(" && /\b(by|without|on|ignoring|group_left|group_right)\s*$/.test(before.slice(0, at)))) {
    return { from, hints: rank(labels, word) };
  }
  if (!word) {
    return { from, hints: [] };
  }
  const hints: Hint[] = [
    ...known.metrics.map(({ name, help }): Hint => ({ text: name, kind: "metric", more: help, insert: name })),
    ...FUNCTIONS.map(([name, signature]): Hint => ({ text: name, kind: "function", more: signature, insert: `${name}(` })),
    ...AGGREGATIONS.map((name): Hint => ({ text: name, kind: "aggregation", more: "", insert: name })),
    ...KEYWORDS.map((name): Hint => ({ text: name, kind: "keyword", more: "", insert: name })),
  ];
  return { from, hints: rank(hints, word) };
}

/** Where a message of the parser points (`1:5: parse error: …`), as a position in the text; null when it names none. */
export function errorPlace(message: string, text: string): number | null {
  const found = /(?:^|\s)(\d+):(\d+): parse error/.exec(message);
  if (!found) {
    return null;
  }
  const lines = text.split("\n");
  const line = Math.min(Number(found[1]), lines.length) - 1;
  const before = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
  // The parser counts bytes of UTF-8; a position inside a word of another alphabet is found from its bytes.
  const bytes = new TextEncoder().encode(lines[line] ?? "").slice(0, Number(found[2]) - 1);
  return before + new TextDecoder().decode(bytes).length;
}
