// History: the last hour of processor, memory and disk of every host, from one query a metric.
import { range, type Series } from "../../query";
import { Store, useStore } from "../../store";

export const METRICS = ["cpu_percent", "mem_percent", "disk_percent"] as const;
export type Metric = (typeof METRICS)[number];

const SECONDS = 3600;
const POINTS = 30;
const AGAIN = 60000;

/** One line a host and metric; of several disks the fullest counts. */
function take(lines: Map<string, (number | null)[]>, metric: Metric, series: Series[], start: number, step: number): void {
  for (const one of series) {
    const key = `${metric} ${one.labels["target"]}`;
    const line = lines.get(key) ?? new Array<number | null>(POINTS + 1).fill(null);
    one.t.forEach((at, index) => {
      const place = Math.round((at - start) / step);
      const value = one.v[index] ?? null;
      if (value !== null && place >= 0 && place <= POINTS) {
        line[place] = Math.max(line[place] ?? 0, value);
      }
    });
    lines.set(key, line);
  }
}

class History extends Store {
  /** Grows with each answer, so that rows know that they have to be drawn again. */
  turn = 0;
  private lines = new Map<string, (number | null)[]>();
  private read = 0;

  of(target: string, metric: Metric): (number | null)[] | undefined {
    return this.lines.get(`${metric} ${target}`);
  }

  /** Reads the history unless that was done less than a minute ago. */
  async refresh(): Promise<void> {
    if (Date.now() - this.read < AGAIN - 1000) {
      return;
    }
    this.read = Date.now();
    const step = SECONDS / POINTS;
    const end = Math.floor(this.read / 1000);
    try {
      const lines = new Map<string, (number | null)[]>();
      for (const metric of METRICS) {
        take(lines, metric, await range(metric, end - SECONDS, end, step), end - SECONDS, step);
      }
      this.lines = lines;
      this.turn += 1;
      this.changed();
    } catch {
      this.read = 0;
    }
  }
}

export const history = new History();
export const useHistory = (): History => useStore(history);
