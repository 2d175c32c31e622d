// Bands: states over time, one row a series, coloured by whether the value is good; where nothing was measured there is nothing.
import uPlot from "uplot";
import { useMemo, useRef, useState } from "preact/hooks";
import type { IncidentBrief } from "../api";
import { moment } from "../format";
import type { Series } from "../query";
import { css } from "../theme";
import { t } from "../words";
import { Icon } from "./pieces";
import { commonOptions, drawExtras } from "./plot";
import { usePlot } from "./use_plot";

export interface BandsProps {
  title: string;
  series: Series[] | null;
  error?: string;
  start: number;
  end: number;
  name: (series: Series) => string;
  /** The value in words: UP, DOWN, 200. */
  text: (value: number) => string;
  bad: (value: number) => boolean;
  marks: IncidentBrief[];
  explore: string;
  note?: string;
  onZoom: (from: number, until: number) => void;
}

interface Run { from: number; until: number; value: number }

/** Neighbouring samples of one value, together; a run lasts until the next sample, or until the gap. */
function runs(series: Series, end: number): Run[] {
  const out: Run[] = [];
  let open: Run | null = null;
  series.t.forEach((at, index) => {
    const value = series.v[index] ?? null;
    if (open && value !== open.value) {
      open.until = at;
      out.push(open);
      open = null;
    }
    if (!open && value !== null) {
      open = { from: at, until: at, value };
    } else if (open) {
      open.until = at;
    }
  });
  if (open) {
    const last = open as Run;
    last.until = Math.min(end, last.until + 15);
    out.push(last);
  }
  return out;
}

const ROW = 30;
const TIME = 26;

function drawBands(plot: uPlot, props: BandsProps, all: Run[][]): void {
  const { ctx, bbox } = plot;
  const tall = bbox.height / all.length;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `600 ${11 * devicePixelRatio}px system-ui, "Noto Sans Thai", sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  all.forEach((row, index) => {
    const top = bbox.top + index * tall + 3 * devicePixelRatio;
    const high = tall - 6 * devicePixelRatio;
    for (const run of row) {
      const left = Math.max(bbox.left, plot.valToPos(run.from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(run.until, "x", true));
      const bad = props.bad(run.value);
      ctx.fillStyle = css(bad ? "--band-bad" : "--band-good");
      ctx.fillRect(left, top, Math.max(2, right - left), high);
      const text = props.text(run.value);
      if (right - left > ctx.measureText(text).width + 12 * devicePixelRatio) {
        ctx.fillStyle = css(bad ? "--band-bad-ink" : "--band-good-ink");
        ctx.fillText(text, left + 6 * devicePixelRatio, top + high / 2 + devicePixelRatio);
      }
    }
  });
  ctx.restore();
  drawExtras(plot, props.marks, false);
}

function options(latest: { current: BandsProps }, all: { current: Run[][] }, width: number,
    onCursor: (index: number | null) => void): uPlot.Options {
  const names = (latest.current.series ?? []).map(latest.current.name);
  const count = names.length;
  const base = commonOptions(latest, onCursor, width, count * ROW + TIME + 8);
  const [x, y] = base.axes as [uPlot.Axis, uPlot.Axis];
  return {
    ...base,
    scales: { ...base.scales, y: { range: () => [0, count] } },
    axes: [
      { ...x, grid: { show: false } },
      {
        ...y, grid: { show: false },
        splits: () => names.map((_name, index) => count - index - 0.5),
        values: () => names,
      },
    ],
    cursor: { ...base.cursor, points: { show: false } },
    series: [{}, ...names.map(() => ({ paths: () => null, points: { show: false } }))],
    hooks: { ...base.hooks, draw: [(plot) => drawBands(plot, latest.current, all.current)] },
  };
}

/** The value of a series at a time: that of the newest sample not after it. */
function valueAt(series: Series, at: number): number | null {
  let low = 0;
  let high = series.t.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((series.t[middle] as number) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 ? (series.v[low - 1] ?? null) : null;
}

export function Bands(props: BandsProps) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const { series } = props;
  const all = useRef<Run[][]>([]);
  const data = useMemo(() => {
    all.current = (series ?? []).map((one) => runs(one, props.end));
    return series && series.length > 0 ? uPlot.join(series.map((one) => [one.t, one.v] as uPlot.AlignedData)) : null;
  }, [series]);
  const times = useRef(data);
  times.current = data;
  usePlot(host, data, JSON.stringify(series?.map(props.name)), [props.start, props.end, props.marks], (width) =>
    options(latest, all, width, (index) => setAt(index === null ? null : (times.current?.[0][index] ?? null))));

  const state = props.error ? "failed" : series === null ? "loading" : series.length === 0 ? "empty" : "good";
  const said = (one: Series) => {
    const value = at === null ? null : valueAt(one, at);
    return value === null ? "–" : props.text(value);
  };
  return (
    <figure class="chart bands" data-state={state}>
      <figcaption>
        <span class="title">{props.title}</span>
        <span class="note">{at === null ? props.note : `${(series ?? []).map((one) => (series?.length === 1 ? said(one) : `${props.name(one)} ${said(one)}`)).join(" · ")} — ${moment(at * 1000)}`}</span>
        <a class="iconic" href={props.explore} title={t("Explore")}><Icon name="link" /><span class="unseen">{t("Explore")}: {props.title}</span></a>
      </figcaption>
      <div ref={host} class="plot" />
      {state !== "good" && <p class="hollow">{props.error ?? (state === "loading" ? t("Loading…") : t("no data"))}</p>}
    </figure>
  );
}
