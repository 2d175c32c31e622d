// Tiles: the sections of a host that are numbers: Status, Resource, Resource Utilization, and the numbers of Network.
import type { Reading } from "../../api";
import { bits, bytes, decimal, number, percent } from "../../format";
import { selector, source } from "../../query";
import { comparison } from "../../ui/plot";
import { length, Section } from "../../ui/pieces";
import { t } from "../../words";
import { meets, readings, threshold, type Shown } from "./values";

interface TileProps { name: string; reading: Reading | undefined; text: (value: number) => string; shown: Shown; gauge?: boolean }

/** Which sample of which series a number is. */
function sampleOf(shown: Shown, reading: Reading | undefined): Record<string, string> {
  return reading ? source(selector(reading.name, { target: shown.row.name, ...reading.labels }), Date.parse(reading.time ?? "") / 1000, reading.value) : {};
}

/** One value, big, green or red by the rule's own threshold. */
function Tile({ name, reading, text, shown, gauge }: TileProps) {
  const value = number(reading?.value);
  const limit = reading && threshold(shown.detail, reading.name);
  const known = Number.isFinite(value);
  const bad = meets(limit, value);
  return (
    <div class={`tile ${known && limit ? (bad ? "bad" : "good") : ""}`} {...sampleOf(shown, reading)}>
      <span class="name">{name}</span>
      <span class="text">{known ? text(value) : t("no data")}</span>
      {gauge && known && <span class="track"><span class="fill" style={length(value / 100)} />
        {limit && <span class="mark" style={{ left: `${limit.value}%` }} title={comparison(limit)} />}</span>}
    </div>
  );
}

export const upDown = (value: number): string => (value === 1 ? t("UP") : t("DOWN"));

export function Status({ shown }: { shown: Shown }) {
  const { row } = shown;
  return (
    <Section id="status" title={`1 ${t("Status")}`}>
      <div class="tiles">
        <Tile name={t("Ping")} reading={readings(row, "ping")[0]} text={upDown} shown={shown} />
        {readings(row, "port").map((port) => (
          <Tile key={port.labels["port"]} name={`${t("Port")} ${port.labels["port"]}`} reading={port} text={upDown} shown={shown} />
        ))}
        {row.url && <Tile name={t("HTTP code")} reading={readings(row, "http_code")[0]} text={(value) => `${value}`} shown={shown} />}
      </div>
    </Section>
  );
}

function Figure({ name, reading, text, shown }: Omit<TileProps, "gauge">) {
  const value = number(reading?.value);
  return (
    <div {...sampleOf(shown, reading)}>
      <dt>{name}</dt><dd>{Number.isFinite(value) ? text(value) : "–"}</dd>
    </div>
  );
}

export function Resource({ shown }: { shown: Shown }) {
  const { row } = shown;
  const one = (name: string) => readings(row, name)[0];
  return (
    <Section id="resource" title={`3 ${t("Resource")}`}>
      <dl class="figures">
        <Figure name={t("CPUs")} reading={one("cpu_core")} text={(value) => decimal(value)} shown={shown} />
        <Figure name={t("Memory, total")} reading={one("mem_total")} text={bytes} shown={shown} />
        <Figure name={t("Memory, used")} reading={one("mem_used")} text={bytes} shown={shown} />
        {readings(row, "disk_total").flatMap((disk) => {
          const path = disk.labels["path"] ?? "";
          const used = readings(row, "disk_used").find((reading) => reading.labels["path"] === path);
          return [
            <Figure key={`total ${path}`} name={t("Disk {path}, total", { path })} reading={disk} text={bytes} shown={shown} />,
            <Figure key={`used ${path}`} name={t("Disk {path}, used", { path })} reading={used} text={bytes} shown={shown} />,
          ];
        })}
      </dl>
    </Section>
  );
}

export function Utilization({ shown }: { shown: Shown }) {
  const { row } = shown;
  return (
    <Section id="utilization" title={`4 ${t("Resource Utilization")}`}>
      <div class="tiles">
        <Tile name={t("CPU")} reading={readings(row, "cpu_percent")[0]} text={percent} shown={shown} gauge />
        <Tile name={t("Memory")} reading={readings(row, "mem_percent")[0]} text={percent} shown={shown} gauge />
        {readings(row, "disk_percent").map((disk) => (
          <Tile key={disk.labels["path"]} name={t("Disk {path}", { path: disk.labels["path"] ?? "" })} reading={disk} text={percent} shown={shown} gauge />
        ))}
      </div>
    </Section>
  );
}

/** A rate, and the query that gave it. */
export interface Rate { value: number; source: Record<string, string> }

/** Bits received and sent now, an interface a line. The figures are rates, so they come from a query and not from the row. */
export function Traffic({ now }: { now: { name: string; received: Rate; sent: Rate }[] }) {
  return (
    <div class="tiles">
      {now.map((one) => (
        <div key={one.name} class="tile traffic">
          <span class="name">{one.name}</span>
          <span class="text" {...one.received.source}>↓ {bits(one.received.value)}<span class="unseen"> {t("received")}</span></span>
          <span class="text" {...one.sent.source}>↑ {bits(one.sent.value)}<span class="unseen"> {t("sent")}</span></span>
        </div>
      ))}
    </div>
  );
}
