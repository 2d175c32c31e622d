// Chart: series over time by uPlot, with a legend that follows the crosshair.
import uPlot from "uplot";
import { useMemo, useRef, useState } from "preact/hooks";
import type { IncidentBrief, Threshold } from "../api";
import { moment, plain } from "../format";
import { source, type Series } from "../query";
import { t } from "../words";
import { Icon } from "./pieces";
import { commonOptions, comparison, drawExtras, seriesColor } from "./plot";
import { usePlot } from "./use_plot";

export interface ChartProps {
  title: string;
  /** null while the first answer is awaited. */
  series: Series[] | null;
  error?: string;
  start: number;
  end: number;
  unit?: (value: number) => string;
  name: (series: Series) => string;
  min?: number;
  max?: number;
  threshold?: Threshold | undefined;
  marks?: IncidentBrief[];
  /** Beside the title: how the values were made, when they are not the samples themselves. */
  note?: string;
  explore?: string;
  /** The query that gave the series. */
  expr?: string;
  height?: number;
  onZoom?: (from: number, until: number) => void;
}

const SHOWN = 12;

/** One time axis for all; what another series has no sample for is undefined (no gap), a gap stays null. */
function align(series: Series[]): uPlot.AlignedData {
  const first = series[0] as Series;
  if (series.every((one) => one.t.length === first.t.length && one.t.every((at, index) => at === first.t[index]))) {
    return [first.t, ...series.map((one) => one.v)] as uPlot.AlignedData;
  }
  return uPlot.join(series.map((one) => [one.t, one.v] as uPlot.AlignedData));
}

function options(latest: { current: ChartProps }, width: number, onCursor: (index: number | null) => void): uPlot.Options {
  const props = latest.current;
  const unit = props.unit ?? plain;
  const base = commonOptions(latest, onCursor, width, props.height ?? 160);
  const [x, y] = base.axes as [uPlot.Axis, uPlot.Axis];
  const series = props.series ?? [];
  return {
    ...base,
    axes: [x, { ...y, values: (_plot, values) => values.map(unit) }],
    scales: {
      ...base.scales,
      y: {
        range: (_plot, low, high) => {
          const bottom = props.min ?? Math.min(0, low ?? 0);
          const top = props.max ?? (high > bottom ? high + (high - bottom) * 0.1 : bottom + 1);
          return [bottom, top];
        },
      },
    },
    series: [
      {},
      ...series.map((_one, index) => ({
        stroke: seriesColor(index), width: 1.5, spanGaps: false, points: { show: false },
        ...(series.length === 1 ? { fill: `${seriesColor(index)}1f` } : {}),
      })),
    ],
    hooks: { ...base.hooks, drawClear: [(plot) => drawExtras(plot, latest.current.marks ?? [], true, latest.current.threshold)] },
  };
}

function Legend({ props, index, data }: { props: ChartProps; index: number | null; data: uPlot.AlignedData | null }) {
  const unit = props.unit ?? plain;
  const last = ({ v }: Series) => {
    let at = v.length - 1;
    while (at >= 0 && v[at] === null) {
      at -= 1;
    }
    return at;
  };
  const series = props.series ?? [];
  return (
    <ul class="legend">
      {series.slice(0, SHOWN).map((one, at) => {
        const newest = last(one);
        const shown = (index === null || !data ? one.v[newest] : data[at + 1]?.[index]) ?? Number.NaN;
        const from = index === null && props.expr ? source(props.expr, one.t[newest], shown, one.labels) : {};
        return (
          <li key={at}><svg class="key" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" fill={seriesColor(at)} /></svg>
            <span class="name">{props.name(one)}</span> <span class="value" {...from}>{unit(shown)}</span></li>
        );
      })}
      {series.length > SHOWN && <li class="dim">{t("and {n} more", { n: series.length - SHOWN })}</li>}
    </ul>
  );
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const [index, setIndex] = useState<number | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const { series } = props;
  const data = useMemo(() => (series && series.length > 0 ? align(series) : null), [series]);
  const shape = JSON.stringify([series?.map(props.name), props.threshold]);
  usePlot(host, data, shape, [props.start, props.end, props.marks], (width) => options(latest, width, setIndex));

  const state = props.error ? "failed" : series === null ? "loading" : series.length === 0 ? "empty" : "good";
  const at = index === null ? undefined : data?.[0]?.[index];
  return (
    <figure class="chart" data-state={state}>
      <figcaption>
        <span class="title">{props.title}</span>
        {props.threshold && <span class="limit">{comparison(props.threshold)}</span>}
        <span class="note">{at ? moment(at * 1000) : props.note}</span>
        {props.explore && <a class="iconic" href={props.explore} title={t("Explore")}><Icon name="link" /><span class="unseen">{t("Explore")}: {props.title}</span></a>}
      </figcaption>
      <div ref={host} class="plot" />
      {state !== "good" && <p class="hollow">{props.error ?? (state === "loading" ? t("Loading…") : t("no data"))}</p>}
      <Legend props={props} index={index} data={data} />
    </figure>
  );
}
