// Explore: a PromQL box, its answer as a graph and as a table; every query that was asked has an address.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Labels } from "../../api";
import { moment, plain } from "../../format";
import { instant, range, type Result, type Sample, type Series } from "../../query";
import { router, useRouter } from "../../router";
import { Chart } from "../../ui/chart";
import { Choice, Empty, Problem } from "../../ui/pieces";
import { Picker } from "../../ui/picker";
import { bounds, readWindow, showSpan, type Window } from "../../window";
import { plural, t } from "../../words";
import { Box } from "./box";

const POINTS = 400;
const ROWS = 500;
const EXAMPLES = ["ping", "http_code != 200", "topk(5, cpu_percent)", "rate(bits_received[5m])", "avg_over_time(ping[1d]) * 100"];

function labelText(labels: Labels): string {
  const { __name__: name, ...rest } = labels;
  const inner = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(", ");
  return `${name ?? ""}${inner ? `{${inner}}` : ""}` || "{}";
}

/** Names of series without the labels that all of them share. */
function namesOf(series: Series[]): (one: Series) => string {
  const first = series[0]?.labels ?? {};
  const shared = series.length > 1 ? Object.keys(first).filter((name) => series.every((one) => one.labels[name] === first[name])) : [];
  return (one) => labelText(Object.fromEntries(Object.entries(one.labels).filter(([name]) => !shared.includes(name))));
}

interface Answer { query: string; graph: Series[] | null; table: Result | null; start: number; end: number; took: number; error: string }

/** Asks for both the graph and the table, so that switching between them is at once. */
async function answer(query: string, window: Window, signal: AbortSignal): Promise<Answer> {
  const { start, end } = bounds(window);
  const step = Math.max(1, Math.ceil(window.seconds / POINTS));
  const began = performance.now();
  const base = { query, start, end, graph: null, table: null };
  try {
    const table = await instant(query, window.until, signal);
    const graph = table.type === "vector" || table.type === "scalar"
      ? await range(query, end - Math.floor((end - start) / step) * step, end, step, signal)
      : table.type === "matrix" ? table.series : null;
    return { ...base, table, graph, took: performance.now() - began, error: "" };
  } catch (problem) {
    return { ...base, took: 0, error: problem instanceof Error ? problem.message : String(problem) };
  }
}

function useResult(query: string, window: Window, turn: number): { result: Answer | null; busy: boolean } {
  const [result, setResult] = useState<Answer | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!query) {
      setResult(null);
      return;
    }
    const control = new AbortController();
    setBusy(true);
    void answer(query, window, control.signal).then((next) => {
      if (!control.signal.aborted) {
        setResult(next);
        setBusy(false);
      }
    });
    return () => control.abort();
  }, [query, window.seconds, window.from, window.until, turn]);
  return { result, busy };
}

function Table({ samples }: { samples: Sample[] }) {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample.labels)))].sort((a, b) => Number(b === "__name__") - Number(a === "__name__") || a.localeCompare(b));
  return (
    <div class="wide">
      <table class="rows result">
        <thead><tr>{names.map((name) => <th key={name}>{name === "__name__" ? t("metric") : name}</th>)}<th class="number">{t("Value")}</th></tr></thead>
        <tbody>
          {samples.slice(0, ROWS).map((sample, index) => (
            <tr key={index}>{names.map((name) => <td key={name} data-label={name}>{sample.labels[name]}</td>)}<td class="number" data-label={t("Value")}>{sample.value}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The samples of a table; of a matrix the newest of each series. */
function samplesOf(table: Result): Sample[] {
  if (table.type !== "matrix") {
    return table.samples;
  }
  return table.series.map((one) => ({ labels: one.labels, time: one.t[one.t.length - 1] ?? 0, value: `${one.v[one.v.length - 1] ?? ""}` }));
}

function Shown({ result, tab }: { result: Answer; tab: string }) {
  const samples = result.table ? samplesOf(result.table) : [];
  if (samples.length === 0 && (result.graph ?? []).length === 0) {
    return <Empty icon="explore" title={t("No series matches.")} />;
  }
  if (tab === "table" || !result.graph) {
    return <Table samples={samples} />;
  }
  return <Chart title={result.query} series={result.graph} start={result.start} end={result.end} name={namesOf(result.graph)} unit={plain} height={340} onZoom={showSpan} />;
}

function Foot({ result, busy }: { result: Answer | null; busy: boolean }) {
  const count = result?.table ? samplesOf(result.table).length : 0;
  return (
    <p class="foot small" role="status">
      {busy ? t("Asking…") : result && !result.error ? `${plural(count, "one series", "{n} series")} · ${Math.round(result.took)} ms · ${moment(result.end * 1000)}` : ""}
    </p>
  );
}

export function ExplorePage() {
  const { query } = useRouter();
  const asked = query.get("q") ?? "";
  const tab = query.get("tab") ?? "graph";
  const last = Number(query.get("last"));
  const read = readWindow(query);
  const window = last > 0 && !query.has("range") && read.from === null ? { ...read, seconds: last } : read;
  const [text, setText] = useState(asked);
  const [turn, setTurn] = useState(0);
  const shownFor = useRef(asked);
  if (shownFor.current !== asked) {
    shownFor.current = asked;
    setText(asked);
  }
  const { result, busy } = useResult(asked, window, turn);
  const run = (next = text) => {
    if (next.trim() === asked) {
      setTurn((n) => n + 1);
    } else {
      router.set({ q: next.trim() }, false);
    }
  };
  const error = result?.query === text.trim() ? (result?.error ?? "") : "";
  return (
    <>
      <div class="tools"><h1>{t("Explore")}</h1><span class="grow" /><Picker window={window} usual={last > 0 ? "" : "1h"} /></div>
      <form class="ask" onSubmit={(event) => { event.preventDefault(); run(); }}>
        <Box text={text} error={error} onChange={setText} onRun={() => run()} />
        <button type="submit" class="primary">{t("Run")}</button>
      </form>
      {result?.error && !busy && <Problem text={result.error} />}
      {!asked && (
        <p class="examples dim">{t("For example:")} {EXAMPLES.map((one) => <a key={one} href={`/explore?${new URLSearchParams({ q: one }).toString()}`}><code>{one}</code></a>)}</p>
      )}
      {asked && (
        <>
          <div class="head"><Choice label={t("View")} value={tab} options={[["graph", t("Graph")], ["table", t("Table")]]} onPick={(next) => router.set({ tab: next === "graph" ? "" : next })} />
            <Foot result={result} busy={busy} /></div>
          {result && !result.error && <Shown result={result} tab={tab} />}
        </>
      )}
    </>
  );
}
