// Row: one host of the fleet in one line.
import { useRef } from "preact/hooks";
import type { TargetRow } from "../../api";
import { ago, number, percent } from "../../format";
import { memo } from "../../memo";
import { length, Pill } from "../../ui/pieces";
import { Spark } from "../../ui/spark";
import { scrolling } from "../../ui/virtual";
import { t } from "../../words";
import { history, METRICS, type Metric } from "./history";

const NAMES: Record<Metric, string> = { cpu_percent: "CPU", mem_percent: "Memory", disk_percent: "Disk" };

/** The largest value of a metric (of several disks the fullest); NaN when there is none. */
function largest(row: TargetRow, metric: string): number {
  let found = Number.NaN;
  for (const reading of row.values) {
    if (reading.name === metric) {
      const value = number(reading.value);
      found = Number.isNaN(found) || value > found ? value : found;
    }
  }
  return found;
}

/** Red is what an alert of a rule is about: the page has no opinion of its own. */
function alarmed(row: TargetRow, metric: string, port = ""): boolean {
  return row.alerts.some((alert) => alert.labels["metric"] === metric && alert.state !== "resolved"
    && (!port || !alert.labels["port"] || alert.labels["port"] === port));
}

interface GaugeProps { metric: Metric; name: string; value: number; line: (number | null)[] | undefined; bad: boolean }

const Gauge = memo(function Gauge({ metric, name, value, line, bad }: GaugeProps) {
  if (!Number.isFinite(value)) {
    return <span class={`gauge none ${metric}`}><span class="unseen">{name} {t("no data")}</span></span>;
  }
  return (
    <span class={`gauge ${metric} ${bad ? "bad" : ""}`}>
      <span class="figure"><span class="name">{name}</span> {percent(value, 0)}</span>
      {line && <Spark values={line} max={100} />}
      <span class="track"><span class="fill" style={length(value / 100)} /></span>
    </span>
  );
});

function Checks({ row }: { row: TargetRow }) {
  const ping = largest(row, "ping");
  const code = largest(row, "http_code");
  const ports = row.values.filter((reading) => reading.name === "port");
  return (
    <span class="checks">
      {Number.isFinite(ping) && <span class={`check ${ping === 1 ? "good" : "bad"}`}>{t("Ping")}<span class="unseen"> {ping === 1 ? t("UP") : t("DOWN")}</span></span>}
      {Number.isFinite(code) && <span class={`check ${alarmed(row, "http_code") || code === 0 || code >= 400 ? "bad" : "good"}`}>HTTP {code}</span>}
      {ports.slice(0, 4).map((port) => (
        <span key={port.labels["port"]} class={`check ${port.value === 1 ? "good" : "bad"}`}>:{port.labels["port"]}<span class="unseen"> {port.value === 1 ? t("UP") : t("DOWN")}</span></span>
      ))}
      {ports.length > 4 && <span class="check">+{ports.length - 4}</span>}
    </span>
  );
}

/** What is wrong and what is done about it, or how long all has been well. */
function Word({ row }: { row: TargetRow }) {
  if (row.incident) {
    return (
      <span class="word">
        <span class="reason">{row.reason || row.incident.title}</span>
        <a href={`/incidents/${row.incident.id}`} class="incident">{t(row.incident.state)}</a>
      </span>
    );
  }
  if (row.reason) {
    return <span class="word"><span class="reason">{row.reason}</span></span>;
  }
  return <span class="word dim">{row.since ? t("for {span}", { span: ago(row.since) }) : ""}</span>;
}

export interface RowProps { row: TargetRow; place: number; count: number; turn: number; language: string }

export const Row = memo(function Row({ row, place, count }: RowProps) {
  const labels = Object.entries(row.labels);
  // Lines are drawn when the list rests: while it flies past nobody could read them.
  const lines = useRef(false);
  lines.current ||= !scrolling();
  return (
    <li class={`host-row ${row.status}`} aria-setsize={count} aria-posinset={place}>
      <span class="who">
        <a href={`/hosts/${encodeURIComponent(row.name)}`} class="host" data-row>{row.name}</a>
        <span class="place"><span class="address">{row.address}</span>
          {labels.slice(0, 3).map(([name, value]) => <span key={name} class="label" title={`${name}=${value}`}>{value}</span>)}</span>
      </span>
      <Pill text={row.status} />
      <Checks row={row} />
      {METRICS.map((metric) => (
        <Gauge key={metric} metric={metric} name={t(NAMES[metric])} value={largest(row, metric)} line={lines.current ? history.of(row.name, metric) : undefined} bad={alarmed(row, metric)} />
      ))}
      <Word row={row} />
    </li>
  );
});
