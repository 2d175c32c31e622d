// Plot: what all graphs over time have in common: axes, one crosshair for all, zoom by dragging, incidents and repairs as marks.
import uPlot from "uplot";
import type { IncidentBrief, Threshold } from "../api";
import { decimal } from "../format";
import { css } from "../theme";
import { language } from "../words";

export const AXIS = 58;
/** Room right of a graph, for the half of the last mark's text (style/plot.css has it too). */
const EDGE = 18;
const FONT = '11px system-ui, "Noto Sans Thai", sans-serif';

export const seriesColor = (index: number): string => css(`--s${index % 8}`);

/** Marks on the time axis: shade while an incident is open, a line when something was changed and when it was proved well. */
function drawMarks(plot: uPlot, incidents: IncidentBrief[], shade: boolean): void {
  const { ctx, bbox } = plot;
  const x = (at: string) => plot.valToPos(Date.parse(at) / 1000, "x", true);
  const line = (at: string | null, color: string) => {
    if (at) {
      ctx.strokeStyle = color;
      ctx.beginPath();
      ctx.moveTo(x(at), bbox.top);
      ctx.lineTo(x(at), bbox.top + bbox.height);
      ctx.stroke();
    }
  };
  ctx.lineWidth = Math.max(1, devicePixelRatio);
  for (const incident of incidents) {
    const from = x(incident.opened);
    const until = incident.closed ? x(incident.closed) : plot.valToPos(Date.now() / 1000, "x", true);
    if (shade) {
      ctx.fillStyle = css("--mark");
      ctx.fillRect(from, bbox.top, Math.max(2, until - from), bbox.height);
    }
    line(incident.acted, css("--info"));
    line(incident.verified, css("--good"));
  }
}

export function drawExtras(plot: uPlot, incidents: IncidentBrief[], shade: boolean, threshold?: Threshold): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  drawMarks(plot, incidents, shade);
  if (threshold) {
    const y = plot.valToPos(threshold.value, "y", true);
    ctx.strokeStyle = css("--bad");
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

const two = (n: number) => String(n).padStart(2, "0");

/** Marks of the time axis: time of day, and the date where a day begins. */
function times(_plot: uPlot, splits: number[]): string[] {
  const locale = language() === "th" ? "th-TH" : "en-GB";
  const long = (splits[splits.length - 1] ?? 0) - (splits[0] ?? 0) > 86400 * 1.2;
  const fine = (splits[1] ?? 60) - (splits[0] ?? 0) < 60;
  return splits.map((at) => {
    const date = new Date(at * 1000);
    if (long && date.getHours() === 0 && date.getMinutes() === 0) {
      return date.toLocaleDateString(locale, { day: "numeric", month: "short" });
    }
    return `${two(date.getHours())}:${two(date.getMinutes())}${fine ? `:${two(date.getSeconds())}` : ""}`;
  });
}

/** What the options read when they draw: it changes with each answer. */
export interface Common { start: number; end: number; onZoom?: ((from: number, until: number) => void) | undefined }

/** The options that every graph shares. `onCursor` is told where the crosshair is, as an index into the data, or null. */
export function commonOptions(latest: { current: Common }, onCursor: (index: number | null) => void, width: number,
    height: number): uPlot.Options {
  const stroke = css("--dim");
  const grid = { stroke: css("--grid"), width: 1 };
  return {
    width,
    height,
    padding: [8, EDGE, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "raksa" },
      drag: { x: Boolean(latest.current.onZoom), y: false, setScale: false },
      points: { size: 6 },
      y: false,
    },
    scales: { x: { range: () => [latest.current.start, latest.current.end] } },
    axes: [
      { stroke, grid, ticks: { show: false }, font: FONT, values: times, size: 24, space: 60, gap: 4 },
      { stroke, grid, ticks: { show: false }, font: FONT, size: AXIS, gap: 4 },
    ],
    series: [{}],
    hooks: {
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide > 3) {
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            // The others follow the dragging; only the one under the pointer acts.
            if (plot.over.matches(":hover")) {
              latest.current.onZoom?.(plot.posToVal(left, "x"), plot.posToVal(left + wide, "x"));
            }
          }
        },
      ],
    },
  };
}

/** A threshold in words: "> 80". */
export const comparison = (threshold: Threshold): string => `${threshold.op} ${decimal(threshold.value)}`;
