// Host: one server in the six sections of the source's board, live.
import { useEffect } from "preact/hooks";
import { api, type TargetDetail } from "../../api";
import { bits, moment, percent, span } from "../../format";
import { live, useLive } from "../../live";
import { source, type Series } from "../../query";
import { useRouter } from "../../router";
import { Bands, type BandsProps } from "../../ui/bands";
import { Chart, type ChartProps } from "../../ui/chart";
import { Loading, Pill, Problem, Section, useAnswer } from "../../ui/pieces";
import { Picker } from "../../ui/picker";
import { readWindow, showSpan, type Window } from "../../window";
import { t } from "../../words";
import { IncidentTable } from "../incidents/table";
import { Chain } from "./chain";
import { useGraphs, type Graph, type Graphs } from "./graphs";
import { Strip } from "./strip";
import { Resource, Status, Traffic, upDown, Utilization, type Rate } from "./tiles";
import { meets, threshold, type Shown } from "./values";

/** Where a graph's query is shown by itself, for the same span. */
function exploreLink(graph: Graph, window: Window): string {
  const query = new URLSearchParams({ q: graph.plan.expr });
  if (window.from !== null) {
    query.set("from", `${window.from}`);
    query.set("until", `${window.until}`);
  } else {
    query.set("last", `${window.seconds}`);
  }
  return `/explore?${query.toString()}`;
}

type Frame = { graphs: Graphs; window: Window; shown: Shown };

/** What every graph of the page has in common. */
function frame({ graphs, window, shown }: Frame, id: string) {
  const graph = graphs.of[id];
  const note = graph && !graph.plan.raw && !id.startsWith("bits_") ? t("worst of each {span}", { span: span(graph.plan.step) }) : "";
  return {
    series: graph?.series ?? null, start: graphs.start, end: graphs.end, marks: shown.detail.incidents, note,
    expr: graph?.plan.expr ?? "", explore: graph ? exploreLink(graph, window) : "", onZoom: showSpan, ...(graph?.error ? { error: graph.error } : {}),
  };
}

function StatusHistory(props: Frame) {
  const { detail, row } = props.shown;
  const bands = (id: string): Omit<BandsProps, "title" | "name" | "text"> =>
    ({ ...frame(props, id), bad: (value) => meets(threshold(detail, id), value) });
  return (
    <Section id="status-history" title={`2 ${t("Status History")}`}>
      <Strip incidents={detail.incidents} start={props.graphs.start} end={props.graphs.end} />
      <div class="stack">
        <Bands {...bands("ping")} title={t("Ping")} name={() => t("Ping")} text={upDown} />
        <Bands {...bands("port")} title={t("Port")} name={(one) => `:${one.labels["port"] ?? ""}`} text={upDown} />
        {row.url && <Bands {...bands("http_code")} title={t("HTTP code")} name={() => "HTTP"} text={(value) => `${value}`} />}
      </div>
      {detail.incidents.length > 0 && <p class="key-line"><span class="shade" /> {t("incident")} <span class="rule info" /> {t("repair")} <span class="rule good" /> {t("proved well")}</p>}
    </Section>
  );
}

function UtilizationHistory(props: Frame) {
  const { detail } = props.shown;
  const chart = (id: string): Omit<ChartProps, "title" | "name"> =>
    ({ ...frame(props, id), threshold: threshold(detail, id), unit: (value) => percent(value, value % 1 ? 1 : 0), min: 0, max: 100 });
  return (
    <Section id="utilization-history" title={`5 ${t("Resource Utilization History")}`}>
      <div class="charts">
        <Chart {...chart("cpu_percent")} title={t("CPU")} name={() => t("CPU")} />
        <Chart {...chart("mem_percent")} title={t("Memory")} name={() => t("Memory")} />
        <Chart {...chart("disk_percent")} title={t("Disk")} name={(one) => one.labels["path"] ?? t("Disk")} />
      </div>
    </Section>
  );
}

/** The newest rates by interface. */
function trafficNow(graphs: Graphs): { name: string; received: Rate; sent: Rate }[] {
  const rate = (id: string, name: string): Rate => {
    const one = graphs.of[id]?.series?.find((series) => series.labels["interface"] === name);
    const value = one?.v[one.v.length - 1] ?? Number.NaN;
    return { value, source: one ? source(graphs.of[id]?.plan.expr ?? "", one.t[one.t.length - 1], value, one.labels) : {} };
  };
  const names = (graphs.of["bits_received"]?.series ?? []).map((one) => one.labels["interface"] ?? "");
  return names.map((name) => ({ name, received: rate("bits_received", name), sent: rate("bits_sent", name) }));
}

function Network(props: Frame) {
  const name = (one: Series) => one.labels["interface"] ?? "";
  return (
    <Section id="network" title={`6 ${t("Network")}`}>
      <Traffic now={trafficNow(props.graphs)} />
      <div class="charts">
        <Chart {...frame(props, "bits_received")} title={t("Bits received")} unit={bits} name={name} />
        <Chart {...frame(props, "bits_sent")} title={t("Bits sent")} unit={bits} name={name} />
      </div>
    </Section>
  );
}

function Heading({ shown, window }: { shown: Shown; window: Window }) {
  const { row } = shown;
  return (
    <div class="tools host-head">
      <h1>{row.name}</h1>
      <Pill text={row.status} />
      <p class="about">
        <span>{row.address}</span>
        {row.url && <a href={row.url} target="_blank" rel="noreferrer">{row.url}</a>}
        {Object.entries(row.labels).map(([name, value]) => <span key={name} class="label">{name}={value}</span>)}
        {row.since && <span class="dim">{t("since {time}", { time: moment(row.since) })}</span>}
      </p>
      <span class="grow" />
      <Picker window={window} />
    </div>
  );
}

function useDetail(name: string): { detail: TargetDetail | undefined; error: string } {
  const { value, error, again } = useAnswer(() => api.target(name), [name]);
  useEffect(() => live.onIncident((event) => { if (event.target === name) again(); }), [name]);
  return { detail: value, error };
}

export function HostPage({ name }: { name: string }) {
  useLive();
  const { query } = useRouter();
  const { detail, error } = useDetail(name);
  const row = live.row(name) ?? detail;
  const window = readWindow(query);
  const graphs = useGraphs(name, window, row?.interval_seconds ?? 5);
  if (!detail || !row) {
    return <><h1>{name}</h1>{error ? <Problem text={error} /> : <Loading />}</>;
  }
  const shown: Shown = { row, detail };
  const props: Frame = { graphs, window, shown };
  return (
    <>
      <Heading shown={shown} window={window} />
      {row.reason && (
        <p class="problem">{row.reason}{row.incident && <> — <a href={`/incidents/${row.incident.id}`}>{t(row.incident.state)}</a></>}</p>
      )}
      <Chain shown={shown} />
      <Status shown={shown} />
      <StatusHistory {...props} />
      <div class="pair"><Resource shown={shown} /><Utilization shown={shown} /></div>
      <UtilizationHistory {...props} />
      <Network {...props} />
      <Section id="recent" title={t("Recent incidents")}><IncidentTable incidents={detail.incidents} /></Section>
    </>
  );
}
