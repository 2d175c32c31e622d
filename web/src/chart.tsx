// Chart: one graph over time by uPlot, with gaps as gaps, thresholds as lines and incidents as marks.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "./words";
import { api, type IncidentBrief, type Series, type Threshold } from "./api";

const COLORS = ["#2f9e6e", "#3b82c4", "#c0792f", "#9061c2", "#b8475f", "#5c8a1f", "#1e8c9c", "#8a7a2e"];

export interface ChartProps {
  title: string;
  expr: string;
  seconds: number;
  /** How values are written on the axis and in the legend. */
  unit: (value: number) => string;
  /** How a series is called. */
  name: (series: Series) => string;
  min?: number;
  max?: number;
  threshold?: Threshold | undefined;
  marks?: IncidentBrief[];
  /** Changes when new data should be read. */
  tick: number;
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawLines(plot: uPlot, props: ChartProps): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (props.threshold) {
    const y = plot.valToPos(props.threshold.value, "y", true);
    ctx.strokeStyle = css("--bad");
    ctx.setLineDash([6, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  for (const mark of props.marks ?? []) {
    const from = plot.valToPos(Date.parse(mark.opened) / 1000, "x", true);
    const until = plot.valToPos((mark.closed ? Date.parse(mark.closed) : Date.now()) / 1000, "x", true);
    ctx.fillStyle = css("--mark");
    ctx.fillRect(from, bbox.top, Math.max(2, until - from), bbox.height);
  }
  ctx.restore();
}

function options(props: ChartProps, series: Series[], width: number): uPlot.Options {
  const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 } };
  return {
    width,
    height: 170,
    cursor: { sync: { key: "raksa" }, drag: { x: true, y: false } },
    scales: { y: { range: (_plot, low, high) => [props.min ?? Math.min(0, low), props.max ?? (high > 0 ? high * 1.1 : 1)] } },
    axes: [{ ...axis }, { ...axis, size: 70, values: (_plot, values) => values.map((v) => props.unit(v)) }],
    series: [
      {},
      ...series.map((one, index) => ({
        label: props.name(one),
        stroke: COLORS[index % COLORS.length] as string,
        width: 1.5,
        spanGaps: false,
        value: (_plot: uPlot, v: number | null) => (v === null ? "–" : props.unit(v)),
      })),
    ],
    hooks: { draw: [(plot) => drawLines(plot, props)] },
  };
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<{ plot: uPlot; shape: string } | null>(null);
  const [state, setState] = useState<"loading" | "empty" | "good" | string>("loading");

  useEffect(() => {
    let gone = false;
    const draw = async () => {
      try {
        const series = await api.range(props.expr, props.seconds);
        const element = host.current;
        if (gone || !element) {
          return;
        }
        if (series.length === 0) {
          setState("empty");
          return;
        }
        setState("good");
        const first = series[0] as Series;
        const data = [first.t, ...series.map((one) => one.v)] as uPlot.AlignedData;
        const shape = JSON.stringify([series.map(props.name), props.threshold, element.clientWidth]);
        if (plot.current && plot.current.shape === shape) {
          plot.current.plot.setData(data);
          return;
        }
        plot.current?.plot.destroy();
        plot.current = { plot: new uPlot(options(props, series, element.clientWidth), data, element), shape };
      } catch (error) {
        if (!gone) {
          setState(String(error instanceof Error ? error.message : error));
        }
      }
    };
    void draw();
    return () => {
      gone = true;
    };
  }, [props.expr, props.seconds, props.tick]);

  useEffect(() => {
    const resize = () => {
      if (plot.current && host.current) {
        plot.current.plot.setSize({ width: host.current.clientWidth, height: 170 });
      }
    };
    window.addEventListener("resize", resize);
    return () => {
      window.removeEventListener("resize", resize);
      plot.current?.plot.destroy();
      plot.current = null;
    };
  }, []);

  return (
    <figure class="chart">
      <figcaption>{props.title}</figcaption>
      <div ref={host} class="plot" data-state={state} />
      {state !== "good" && <p class="dim">{state === "loading" ? "…" : state === "empty" ? t("no data") : state}</p>}
    </figure>
  );
}
