// Graphs: which queries the host page asks, for which span. Short spans show every sample; long ones the worst of each step,
// so that a short outage or peak is seen in a month too.
import { useEffect, useState } from "preact/hooks";
import { quote, range, raw, type Series } from "../../query";
import { bounds, type Window } from "../../window";

const FULL_STATE = 20000;  // samples a series up to which states are read as they were measured
const FULL = 1500;         // and curves
const POINTS = 500;

export interface Plan { expr: string; raw: boolean; step: number }
export interface Graph { id: string; plan: Plan; series: Series[] | null; error: string }
export interface Graphs { start: number; end: number; of: Record<string, Graph> }

function stepOf(seconds: number, interval: number): number {
  return Math.max(1, Math.ceil(seconds / POINTS / interval)) * interval;
}

/** The plans of a host's graphs by their names. */
export function plans(target: string, seconds: number, interval: number): Record<string, Plan> {
  const every = Math.max(1, Math.ceil(interval));
  const step = stepOf(seconds, every);
  const samples = seconds / every;
  const of = (metric: string) => `${metric}{target=${quote(target)}}`;
  const over = (call: string, metric: string) => `${call}(${of(metric)}[${step}s])`;
  const whole = (metric: string): Plan => ({ expr: of(metric), raw: true, step: every });
  const curve = (metric: string): Plan =>
    (samples <= FULL ? whole(metric) : { expr: over("max_over_time", metric), raw: false, step });
  const state = (metric: string, worst: string): Plan =>
    (samples <= FULL_STATE ? whole(metric) : { expr: worst, raw: false, step });
  const wide = Math.max(60, 4 * every, step);
  const rate = (metric: string): Plan => ({ expr: `rate(${of(metric)}[${wide}s])`, raw: false, step });
  return {
    ping: state("ping", over("min_over_time", "ping")),
    port: state("port", over("min_over_time", "port")),
    // The highest code unless that is 200: then the lowest, which is 0 where there was no answer.
    http_code: state("http_code", `${over("max_over_time", "http_code")} != 200 or ${over("min_over_time", "http_code")}`),
    cpu_percent: curve("cpu_percent"),
    mem_percent: curve("mem_percent"),
    disk_percent: curve("disk_percent"),
    bits_received: rate("bits_received"),
    bits_sent: rate("bits_sent"),
  };
}

/** Loopback last, and else by name, so that a series keeps its colour. */
function byName(a: Series, b: Series): number {
  const name = (one: Series) => one.labels["interface"] ?? one.labels["port"] ?? one.labels["path"] ?? "";
  return Number(name(a) === "lo") - Number(name(b) === "lo") || name(a).localeCompare(name(b), "en", { numeric: true });
}

async function fetchOne(plan: Plan, start: number, end: number, signal: AbortSignal): Promise<Series[]> {
  const series = plan.raw
    ? await raw(plan.expr, start, end, plan.step * 2.5, signal)
    : await range(plan.expr, end - Math.floor((end - start) / plan.step) * plan.step, end, plan.step, signal);
  return series.sort(byName);
}

/** Reads all graphs of a host, and again while time goes on: the longer the span, the more rarely. */
export function useGraphs(target: string, window: Window, interval: number): Graphs {
  const [graphs, setGraphs] = useState<Graphs>({ ...bounds(window), of: {} });
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const every = Math.min(300, Math.max(5, interval, window.seconds / 240)) * 1000;
    const read = async () => {
      const { start, end } = bounds(window);
      const wanted = Object.entries(plans(target, window.seconds, interval));
      const answers = await Promise.all(wanted.map(async ([id, plan]): Promise<[string, Graph]> => {
        try {
          return [id, { id, plan, series: await fetchOne(plan, start, end, control.signal), error: "" }];
        } catch (problem) {
          return [id, { id, plan, series: null, error: problem instanceof Error ? problem.message : String(problem) }];
        }
      }));
      if (!control.signal.aborted) {
        performance.clearMarks("raksa-graphs-answered");
        performance.mark("raksa-graphs-answered");
        setGraphs({ start, end, of: Object.fromEntries(answers) });
      }
    };
    const turn = async () => {
      if (!document.hidden) {
        await read();
      }
      if (!control.signal.aborted && window.until === null) {
        timer = globalThis.setTimeout(turn, every) as unknown as number;
      }
    };
    void turn();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [target, window.seconds, window.from, window.until, interval]);
  return graphs;
}
