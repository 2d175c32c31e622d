// The daemon's API: the shapes of its answers (docs/api.md) and how they are fetched.

export type Value = number | "NaN" | "+Inf" | "-Inf";
export interface Labels { [name: string]: string }

export interface Reading { name: string; labels: Labels; value: Value; time?: string }
export interface ProbeState { name: string; kind: string; success: boolean; reason: string; time: string | null; took_seconds: number }
export interface Alert {
  fingerprint: string; name: string; state: string; severity: string; labels: Labels; annotations: Labels;
  value: Value; starts_at: string; ends_at: string | null; source: string;
}
export interface IncidentBrief {
  id: string; target: string; title: string; state: string; outcome: string; severity: string;
  opened: string; acted: string | null; verified: string | null; closed: string | null; duration_seconds: number;
  cause: string; cause_title: string; component: string; acknowledged_by: string; needs_approval: boolean;
}
export interface TargetRow {
  name: string; address: string; url: string; labels: Labels; application: string[];
  status: "up" | "degraded" | "down" | "unknown"; reason: string; since: string | null; last_probe: string | null;
  interval_seconds: number; recovery_mode: string; probes: ProbeState[]; values: Reading[]; alerts: Alert[];
  incident: IncidentBrief | null;
}
export interface Threshold { metric: string; op: string; value: number; rule: string }
export interface TargetDetail extends TargetRow { ports: number[]; thresholds: Threshold[]; incidents: IncidentBrief[]; snmp: boolean; ssh: boolean }
export interface Summary { targets: number; up: number; degraded: number; down: number; unknown: number; alerts: number; incidents: number }
export interface Fleet { time: string; summary: Summary; targets: TargetRow[] }

export interface Command {
  argv: string[]; exit_status: number; output: string; truncated: boolean; changes: boolean; started: string;
  took_seconds: number; error: string;
}
export interface Finding {
  component: string; cause: string; title: string; title_th: string; class: string; state: string; evidence: string; remedy: string;
  depth: number; consequence_of: string; details: { name: string; value: string }[]; commands: Command[];
}
export interface Step {
  step: string; component: string; done: boolean; refused: boolean; state_after: string; error: string; took_seconds: number;
  commands: Command[];
}
export interface TimelineEntry { seq: number; at: string; kind: string; text: string; data: Record<string, unknown> }
export interface Incident extends IncidentBrief {
  alerts: never[]; findings: Finding[]; steps: Step[]; timeline: TimelineEntry[];
}

/** One series of a range answer: parallel columns, seconds since 1970. */
export interface Series { labels: Labels; t: number[]; v: (number | null)[] }

export class ApiError extends Error {}

async function ask(path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(path, { credentials: "same-origin", ...init });
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    throw new ApiError(`${response.status} ${response.statusText}`);
  }
  if (!response.ok) {
    throw new ApiError((body as { error?: string }).error ?? `${response.status}`);
  }
  return body;
}

export const api = {
  fleet: () => ask("/api/v1/fleet") as Promise<Fleet>,
  target: (name: string) => ask(`/api/v1/targets/${encodeURIComponent(name)}`) as Promise<TargetDetail>,
  incidents: (query: string) => ask(`/api/v1/incidents${query}`) as Promise<{ incidents: IncidentBrief[]; next: string | null }>,
  incident: (id: string) => ask(`/api/v1/incidents/${encodeURIComponent(id)}`) as Promise<Incident>,
  act: (id: string, verb: "approve" | "reject" | "acknowledge") =>
    ask(`/api/v1/incidents/${encodeURIComponent(id)}/${verb}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: "{}",
    }),
  /** A range query over the last `seconds`, with gaps as null at every step that has no value. It ends now, not at the last
   *  multiple of its step: else the newest step (six minutes of a day) would never be seen. */
  async range(expr: string, seconds: number, points = 240): Promise<Series[]> {
    const step = Math.max(1, Math.ceil(seconds / points));
    const end = Math.floor(Date.now() / 1000);
    const start = end - Math.floor(seconds / step) * step;
    const form = new URLSearchParams({ query: expr, start: `${start}`, end: `${end}`, step: `${step}` });
    const answer = await ask("/api/v1/query_range", { method: "POST", body: form }) as
      { data: { result: { metric: Labels; values: [number, string][] }[] } };
    return answer.data.result.map((series) => {
      const found = new Map(series.values.map(([t, v]) => [t, Number(v)]));
      const t: number[] = [];
      const v: (number | null)[] = [];
      for (let at = start; at <= end; at += step) {
        t.push(at);
        v.push(found.get(at) ?? null);
      }
      return { labels: series.metric, t, v };
    });
  },
};

/** A label value inside a PromQL string. */
export function quote(value: string): string {
  return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}
