// Fleet: every host at a glance, worst first.
import { useState } from "preact/hooks";
import type { TargetRow } from "../../api";
import { number, percent } from "../../format";
import { useLive } from "../../live";
import { t } from "../../words";

const ORDER = { down: 0, degraded: 1, unknown: 2, up: 3 };

function value(target: TargetRow, name: string): number {
  const found = target.values.filter((reading) => reading.name === name).map((reading) => number(reading.value));
  return found.length > 0 ? Math.max(...found) : Number.NaN;
}

function Bar({ name, percentage }: { name: string; percentage: number }) {
  const known = Number.isFinite(percentage);
  return (
    <div class="bar">
      <span class="dim">{name}</span>
      <meter min={0} max={100} high={80} optimum={0} value={known ? percentage : 0} aria-label={`${name} ${percent(percentage)}`} />
      <span class="figure">{percent(percentage)}</span>
    </div>
  );
}

function Card({ target }: { target: TargetRow }) {
  const ports = target.values.filter((reading) => reading.name === "port");
  const code = value(target, "http_code");
  return (
    <li class={`card ${target.status}`}>
      <a href={`/hosts/${encodeURIComponent(target.name)}`} class="host">
        <strong>{target.name}</strong> <span class="dim">{target.address}</span>
      </a>
      <span class={`state ${target.status}`}>{t(target.status)}</span>
      <p class="reason">{target.reason}</p>
      <p class="checks">
        {Number.isFinite(code) && <span class={code === 200 ? "good" : "bad"}>HTTP {code}</span>}
        {ports.map((port) => (
          <span key={port.labels["port"]} class={port.value === 1 ? "good" : "bad"}>:{port.labels["port"]}</span>
        ))}
      </p>
      {Number.isFinite(value(target, "cpu_percent")) && (
        <div class="bars">
          <Bar name={t("CPU")} percentage={value(target, "cpu_percent")} />
          <Bar name={t("Memory")} percentage={value(target, "mem_percent")} />
          <Bar name={t("Disk")} percentage={value(target, "disk_percent")} />
        </div>
      )}
      {target.incident && (
        <p><a class="incident" href={`/incidents/${target.incident.id}`}>{t("Open incident")}: {t(target.incident.state)}</a></p>
      )}
    </li>
  );
}

function Empty() {
  return (
    <section class="empty">
      <h1>{t("Nothing is watched yet.")}</h1>
      <p>{t("Add a server to the configuration and reload:")}</p>
      <pre>{"targets:\n  - name: web1\n    address: 192.0.2.11\n    url: http://192.0.2.11/\n    ports: [80, 443]"}</pre>
      <pre>curl -X POST http://127.0.0.1:8001/-/reload</pre>
    </section>
  );
}

export function FleetPage() {
  const { fleet, error } = useLive();
  const [search, setSearch] = useState("");
  if (!fleet) {
    return <p class="dim">{error || "…"}</p>;
  }
  if (fleet.targets.length === 0) {
    return <Empty />;
  }
  const wanted = search.trim().toLowerCase();
  const shown = fleet.targets
    .filter((target) => !wanted || [target.name, target.address, target.url, ...Object.entries(target.labels).map(([n, v]) => `${n}=${v}`)]
      .some((text) => text.toLowerCase().includes(wanted)))
    .sort((a, b) => Number(!a.incident) - Number(!b.incident) || ORDER[a.status] - ORDER[b.status]);
  const { up, degraded, down, unknown } = fleet.summary;
  return (
    <>
      <div class="tools">
        <h1>{t("Fleet")}</h1>
        <p class="summary">
          <span class="good">{up} {t("up")}</span> <span class="warn">{degraded} {t("degraded")}</span>{" "}
          <span class="bad">{down} {t("down")}</span> {unknown > 0 && <span class="dim">{unknown} {t("unknown")}</span>}
        </p>
        <label>{t("Search")} <input type="search" value={search} placeholder={t("name, address or label")}
          onInput={(event) => setSearch(event.currentTarget.value)} /></label>
      </div>
      <ul class="fleet">{shown.map((target) => <Card key={target.name} target={target} />)}</ul>
    </>
  );
}
