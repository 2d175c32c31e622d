// Query: PromQL from the page, and its answers as parallel columns with gaps as null.
import { ask, type Labels } from "./api";

/** One series: seconds since 1970, and values; null where there is a gap. */
export interface Series { labels: Labels; t: number[]; v: (number | null)[] }
export interface Sample { labels: Labels; time: number; value: string }
export type Result =
  | { type: "vector"; samples: Sample[] }
  | { type: "scalar" | "string"; samples: Sample[] }
  | { type: "matrix"; series: Series[] };

interface Envelope {
  data: { resultType: string; result: unknown };
}
interface Row { metric: Labels; value?: [number, string]; values?: [number, string][] }

function form(fields: Record<string, string>, signal?: AbortSignal): RequestInit {
  return { method: "POST", body: new URLSearchParams(fields), ...(signal ? { signal } : {}) };
}

/** A label value inside a PromQL string. */
export function quote(value: string): string {
  return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

/** The selector of one series. */
export function selector(metric: string, labels: Labels): string {
  return `${metric}{${Object.entries(labels).map(([name, value]) => `${name}=${quote(value)}`).join(",")}}`;
}

/** Attributes that say which query gives the number that an element shows, at which time (unix seconds), for which series of its answer. */
export function source(query: string, time: number | undefined, value: unknown, labels: Labels = {}): Record<string, string> {
  return time ? { "data-query": query, "data-time": `${time}`, "data-value": `${value}`, "data-labels": JSON.stringify(labels) } : {};
}

/** Asks for one moment (now when `time` is null). */
export async function instant(expr: string, time: number | null, signal?: AbortSignal): Promise<Result> {
  const fields: Record<string, string> = time === null ? { query: expr } : { query: expr, time: `${time}` };
  const { data } = (await ask("/api/v1/query", form(fields, signal))) as Envelope;
  if (data.resultType === "matrix") {
    const rows = data.result as Row[];
    return { type: "matrix", series: rows.map((row) => columns(row, Number.POSITIVE_INFINITY)) };
  }
  if (data.resultType === "vector") {
    const rows = data.result as Required<Row>[];
    return { type: "vector", samples: rows.map((row) => ({ labels: row.metric, time: row.value[0], value: row.value[1] })) };
  }
  const [at, value] = data.result as [number, string];
  return { type: data.resultType as "scalar" | "string", samples: [{ labels: {}, time: at, value }] };
}

/** Samples as columns; where more than `gap` seconds lie between two, a null says so. */
function columns(row: Row, gap: number): Series {
  const t: number[] = [];
  const v: (number | null)[] = [];
  let last = Number.NaN;
  for (const [at, text] of row.values ?? []) {
    if (at - last > gap) {
      t.push(last + gap / 2);
      v.push(null);
    }
    const value = Number(text);
    t.push(at);
    v.push(Number.isFinite(value) ? value : null);
    last = at;
  }
  return { labels: row.metric, t, v };
}

/** A range query; a step without a value is a gap. */
export async function range(expr: string, start: number, end: number, step: number, signal?: AbortSignal): Promise<Series[]> {
  const fields = { query: expr, start: `${start}`, end: `${end}`, step: `${step}` };
  const { data } = (await ask("/api/v1/query_range", form(fields, signal))) as Envelope;
  return (data.result as Row[]).map((row) => columns(row, step * 1.5));
}

/** Every stored sample of a selector between two times, as it was measured; more than `gap` seconds without one is a gap. */
export async function raw(selector: string, start: number, end: number, gap: number, signal?: AbortSignal): Promise<Series[]> {
  const seconds = Math.max(1, Math.ceil(end - start));
  const { data } = (await ask("/api/v1/query", form({ query: `${selector}[${seconds}s]`, time: `${end}` }, signal))) as Envelope;
  return (data.result as Row[]).map((row) => columns(row, gap));
}
