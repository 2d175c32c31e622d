// Host: one server in the six sections of the source's board, live.
import { useEffect, useState } from "preact/hooks";
import { api, quote, type Reading, type Series, type TargetDetail, type TargetRow, type Threshold } from "../../api";
import { Chart } from "../../chart";
import { bits, bytes, number, percent } from "../../format";
import { live, useLive } from "../../live";
import { t } from "../../words";
import { IncidentTable } from "../incidents/incidents";

const RANGES: [string, number][] = [["15 min", 900], ["1 h", 3600], ["6 h", 21600], ["24 h", 86400], ["7 d", 604800]];

/** Whether a value meets a rule's own comparison: then it is red. */
function meets(threshold: Threshold | undefined, value: number): boolean {
  if (!threshold || !Number.isFinite(value)) {
    return false;
  }
  switch (threshold.op) {
    case ">": return value > threshold.value;
    case ">=": return value >= threshold.value;
    case "<": return value < threshold.value;
    case "<=": return value <= threshold.value;
    case "!=": return value !== threshold.value;
    case "==": return value === threshold.value;
    default: return false;
  }
}

function Big({ name, text, bad, known }: { name: string; text: string; bad: boolean; known: boolean }) {
  return (
    <div class={`big ${known ? (bad ? "bad" : "good") : ""}`}>
      <span class="name">{name}</span>
      <span class="text">{known ? text : t("no data")}</span>
    </div>
  );
}

interface Shown { row: TargetRow; detail: TargetDetail; threshold: (metric: string) => Threshold | undefined }

function of(row: TargetRow, name: string): Reading[] {
  return row.values.filter((reading) => reading.name === name);
}

function one(row: TargetRow, name: string): number {
  return number(of(row, name)[0]?.value);
}

function Status({ row, threshold }: Shown) {
  const ping = one(row, "ping");
  const code = one(row, "http_code");
  return (
    <section aria-labelledby="status">
      <h2 id="status">1 {t("Status")}</h2>
      <div class="bigs">
        <Big name={t("Ping")} text={ping === 1 ? t("UP") : t("DOWN")} bad={meets(threshold("ping"), ping)} known={Number.isFinite(ping)} />
        {of(row, "port").map((port) => {
          const value = number(port.value);
          return <Big key={port.labels["port"]} name={`${t("Port")} ${port.labels["port"]}`} text={value === 1 ? t("UP") : t("DOWN")}
            bad={meets(threshold("port"), value)} known={Number.isFinite(value)} />;
        })}
        {row.url && <Big name={t("HTTP code")} text={`${code}`} bad={meets(threshold("http_code"), code)} known={Number.isFinite(code)} />}
      </div>
    </section>
  );
}

function Resource({ row }: Shown) {
  const figures: [string, string][] = [
    [t("CPUs"), Number.isFinite(one(row, "cpu_core")) ? `${one(row, "cpu_core")}` : "–"],
    [`${t("Memory")} ${t("total")}`, bytes(one(row, "mem_total"))],
    [`${t("Memory")} ${t("used")}`, bytes(one(row, "mem_used"))],
  ];
  for (const disk of of(row, "disk_total")) {
    const path = disk.labels["path"] ?? "";
    const used = of(row, "disk_used").find((reading) => reading.labels["path"] === path);
    figures.push([`${t("Disk")} ${path} ${t("total")}`, bytes(number(disk.value))]);
    figures.push([`${t("Disk")} ${path} ${t("used")}`, bytes(number(used?.value))]);
  }
  return (
    <section aria-labelledby="resource">
      <h2 id="resource">3 {t("Resource")}</h2>
      <dl class="figures">{figures.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}</dl>
    </section>
  );
}

function Utilization({ row, threshold }: Shown) {
  const cpu = one(row, "cpu_percent");
  const memory = one(row, "mem_percent");
  return (
    <section aria-labelledby="utilization">
      <h2 id="utilization">4 {t("Resource Utilization")}</h2>
      <div class="bigs">
        <Big name={t("CPU")} text={percent(cpu)} bad={meets(threshold("cpu_percent"), cpu)} known={Number.isFinite(cpu)} />
        <Big name={t("Memory")} text={percent(memory)} bad={meets(threshold("mem_percent"), memory)} known={Number.isFinite(memory)} />
        {of(row, "disk_percent").map((disk) => {
          const value = number(disk.value);
          return <Big key={disk.labels["path"]} name={`${t("Disk")} ${disk.labels["path"] ?? ""}`} text={percent(value)}
            bad={meets(threshold("disk_percent"), value)} known={Number.isFinite(value)} />;
        })}
      </div>
    </section>
  );
}

function Path({ row, detail }: Shown) {
  if (row.application.length === 0) {
    return null;
  }
  const broken = row.incident?.component ?? "";
  return (
    <ol class="path" aria-label={t("The request's path")}>
      {detail.application.map((component) => <li key={component} class={component === broken || component === broken.replace(/^service:/, "") ? "bad" : ""}>{component}</li>)}
    </ol>
  );
}

export function HostPage({ name }: { name: string }) {
  const { fleet } = useLive();
  const [detail, setDetail] = useState<TargetDetail | null>(null);
  const [error, setError] = useState("");
  const [seconds, setSeconds] = useState(3600);
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const load = () => void api.target(name).then(setDetail, (problem: Error) => setError(problem.message));
    load();
    const timer = setInterval(() => { if (!document.hidden) setTick((n) => n + 1); }, 5000);
    const stop = live.onIncident((event) => { if (event.target === name) load(); });
    return () => { clearInterval(timer); stop(); };
  }, [name]);
  const row = fleet?.targets.find((target) => target.name === name);
  if (!detail || !row) {
    return <p class={error ? "bad" : "dim"}>{error || "…"}</p>;
  }
  const shown: Shown = { row, detail, threshold: (metric) => detail.thresholds.find((one) => one.metric === metric) };
  const where = `{target=${quote(name)}}`;
  const chart = { seconds, tick, marks: detail.incidents };
  const port = (series: Series) => `${t("Port")} ${series.labels["port"] ?? ""}`;
  return (
    <>
      <div class="tools">
        <h1>{row.name} <span class={`state ${row.status}`}>{t(row.status)}</span></h1>
        <p class="dim">{row.address} {row.url && <a href={row.url} target="_blank" rel="noreferrer">{row.url}</a>} {Object.entries(row.labels).map(([n, v]) => `${n}=${v}`).join(" ")}</p>
        <label>{t("Time")} <select value={seconds} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
          {RANGES.map(([label, span]) => <option key={span} value={span}>{label}</option>)}
        </select></label>
      </div>
      {row.reason && <p class="reason">{row.reason}</p>}
      <Path {...shown} />
      <Status {...shown} />
      <section aria-labelledby="status-history">
        <h2 id="status-history">2 {t("Status History")}</h2>
        <div class="charts">
          <Chart {...chart} title={t("Ping")} expr={`ping${where}`} unit={(v) => (v === 1 ? t("UP") : v === 0 ? t("DOWN") : "")} name={() => t("Ping")} min={-0.1} max={1.1} />
          <Chart {...chart} title={t("Port")} expr={`port${where}`} unit={(v) => (v === 1 ? t("UP") : v === 0 ? t("DOWN") : "")} name={port} min={-0.1} max={1.1} />
          {row.url && <Chart {...chart} title={t("HTTP code")} expr={`http_code${where}`} unit={(v) => `${Math.round(v)}`} name={() => t("HTTP code")} min={0} max={600} />}
        </div>
      </section>
      <Resource {...shown} />
      <Utilization {...shown} />
      <section aria-labelledby="utilization-history">
        <h2 id="utilization-history">5 {t("Resource Utilization History")}</h2>
        <div class="charts">
          <Chart {...chart} title={t("CPU")} expr={`cpu_percent${where}`} unit={(v) => `${Math.round(v)} %`} name={() => t("CPU")} min={0} max={100} threshold={shown.threshold("cpu_percent")} />
          <Chart {...chart} title={t("Memory")} expr={`mem_percent${where}`} unit={(v) => `${Math.round(v)} %`} name={() => t("Memory")} min={0} max={100} threshold={shown.threshold("mem_percent")} />
          <Chart {...chart} title={t("Disk")} expr={`disk_percent${where}`} unit={(v) => `${Math.round(v)} %`} name={(s) => s.labels["path"] ?? ""} min={0} max={100} threshold={shown.threshold("disk_percent")} />
        </div>
      </section>
      <section aria-labelledby="network">
        <h2 id="network">6 {t("Network")}</h2>
        <div class="charts">
          <Chart {...chart} title={t("received")} expr={`rate(bits_received${where}[1m])`} unit={bits} name={(s) => s.labels["interface"] ?? ""} />
          <Chart {...chart} title={t("sent")} expr={`rate(bits_sent${where}[1m])`} unit={bits} name={(s) => s.labels["interface"] ?? ""} />
        </div>
      </section>
      <section aria-labelledby="recent">
        <h2 id="recent">{t("Recent incidents")}</h2>
        <IncidentTable incidents={detail.incidents} />
      </section>
    </>
  );
}
