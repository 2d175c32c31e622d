// Order: which hosts the fleet shows, in which order and groups.
import type { Status, TargetRow } from "../../api";
import { t } from "../../words";

const WORST: Record<Status, number> = { down: 0, degraded: 1, unknown: 2, up: 3 };

export interface Wish { search: string; status: string; group: string }
export type Item = { kind: "host"; row: TargetRow } | { kind: "group"; name: string; rows: TargetRow[] };

function weight(row: TargetRow): number {
  return WORST[row.status] * 2 + (row.incident ? 0 : 1);
}

/** Every word has to be found in the name, address, URL, reason or a label (`site=bangkok`). */
function matches(row: TargetRow, words: string[]): boolean {
  const labels = Object.entries(row.labels).map(([name, value]) => `${name}=${value}`).join("\n");
  const text = `${row.name}\n${row.address}\n${row.url}\n${row.reason}\n${labels}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The rows that are wanted, worst first; below a heading for each value of a label when the wish names one. */
export function arrange(rows: TargetRow[], wish: Wish): Item[] {
  const words = wish.search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = rows
    .filter((row) => (!wish.status || row.status === wish.status) && (words.length === 0 || matches(row, words)))
    .sort((a, b) => weight(a) - weight(b));
  if (!wish.group) {
    return shown.map((row) => ({ kind: "host", row }));
  }
  const groups = new Map<string, TargetRow[]>();
  for (const row of shown) {
    const name = row.labels[wish.group] ?? "";
    const group = groups.get(name);
    if (group) {
      group.push(row);
    } else {
      groups.set(name, [row]);
    }
  }
  return [...groups].flatMap(([name, members]): Item[] => [
    { kind: "group", name: name || t("without {label}", { label: wish.group }), rows: members },
    ...members.map((row): Item => ({ kind: "host", row })),
  ]);
}

/** The labels that the fleet has, for grouping. */
export function labelNames(rows: TargetRow[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort();
}
