// Values: what a host's row holds, and whether a value is good by the rule's own comparison.
import type { Reading, TargetDetail, TargetRow, Threshold } from "../../api";
import { number } from "../../format";

export interface Shown { row: TargetRow; detail: TargetDetail }

export function readings(row: TargetRow, name: string): Reading[] {
  return row.values.filter((reading) => reading.name === name);
}

export function first(row: TargetRow, name: string): number {
  return number(readings(row, name)[0]?.value);
}

export function threshold(detail: TargetDetail, metric: string): Threshold | undefined {
  return detail.thresholds.find((one) => one.metric === metric);
}

/** Whether a value meets a rule's own comparison: then it is red. */
export function meets(limit: Threshold | undefined, value: number): boolean {
  if (!limit || !Number.isFinite(value)) {
    return false;
  }
  switch (limit.op) {
    case ">": return value > limit.value;
    case ">=": return value >= limit.value;
    case "<": return value < limit.value;
    case "<=": return value <= limit.value;
    case "!=": return value !== limit.value;
    case "==": return value === limit.value;
    default: return false;
  }
}
