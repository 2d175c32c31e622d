// The daemon's API: the shapes of its answers (docs/api.md) and how they are fetched.

export type Value = number | "NaN" | "+Inf" | "-Inf";
export interface Labels { [name: string]: string }

export interface Reading { name: string; labels: Labels; value: Value; time?: string }
export interface ProbeState {
  name: string; kind: string; success: boolean; reason: string; time: string | null; took_seconds: number;
}
export interface Alert {
  fingerprint: string; name: string; state: string; severity: string; labels: Labels; annotations: Labels;
  value: Value; starts_at: string; ends_at: string | null; source: string; reason?: string; silenced_by?: string;
  inhibited_by?: string; flapping?: boolean; acknowledged_by?: string;
}
export interface IncidentBrief {
  id: string; target: string; title: string; state: string; outcome: string; severity: string;
  opened: string; acted: string | null; verified: string | null; closed: string | null; duration_seconds: number;
  cause: string; cause_title: string; cause_title_th?: string; component: string; acknowledged_by: string;
  needs_approval: boolean;
}
export interface TargetRow {
  name: string; address: string; url: string; labels: Labels; application: string[];
  status: Status; reason: string; since: string | null; last_probe: string | null;
  interval_seconds: number; recovery_mode: string; probes: ProbeState[]; values: Reading[]; alerts: Alert[];
  incident: IncidentBrief | null;
}
export type Status = "up" | "degraded" | "down" | "unknown";
export interface Threshold { metric: string; op: string; value: number; rule: string }
export interface TargetDetail extends TargetRow {
  ports: number[]; thresholds: Threshold[]; incidents: IncidentBrief[]; snmp: boolean; ssh: boolean;
}
export interface Summary {
  targets: number; up: number; degraded: number; down: number; unknown: number; alerts: number; incidents: number;
}
export interface Fleet { time: string; summary: Summary; targets: TargetRow[] }

export interface Command {
  argv: string[]; exit_status: number; output: string; truncated: boolean; changes: boolean; started: string;
  took_seconds: number; error: string;
}
export interface Finding {
  component: string; cause: string; title: string; title_th: string; class: string; state: string; evidence: string;
  remedy: string; depth: number; consequence_of: string; details: { name: string; value: string }[]; commands: Command[];
}
export interface Step {
  step: string; component: string; done: boolean; refused: boolean; state_after: string; error: string;
  started?: string; finished?: string; took_seconds: number; commands: Command[];
}
export interface TimelineEntry { seq: number; at: string; kind: string; text: string; data: Record<string, unknown> }
export interface Incident extends IncidentBrief {
  alerts: Alert[]; findings: Finding[]; steps: Step[]; timeline: TimelineEntry[];
}
export interface Message {
  channel: string; state: string; at: string | null; attempts: number; error: string; text: string;
}

export interface Matcher { name: string; op: string; value: string }
export interface Silence {
  id: string; kind: "silence" | "maintenance"; state: "pending" | "active" | "expired"; matchers: Matcher[];
  starts_at: string; ends_at: string; created_by: string; comment: string;
}
export interface Rule {
  name: string; query: string; type: "alerting" | "recording"; state?: string; health: string; lastError?: string;
  lastEvaluation: string; evaluationTime: number; duration?: number; labels?: Labels; annotations?: Labels;
  alerts?: { labels: Labels; annotations: Labels; state: string; activeAt: string; value: string }[];
}
export interface RuleGroup { name: string; file: string; rules: Rule[]; interval: number; lastEvaluation: string }

export interface CauseSpec { id: string; title: string; title_th: string; class: string; detected_by: string; remedy?: string }
export interface Option {
  name: string; type: string; help: string; default: string; required: boolean; min?: number; max?: number; choices?: string[];
}
export interface Kind {
  name: string; title: string; options: Option[]; causes?: CauseSpec[];
  metrics?: { name: string; type: string; unit: string; help: string; labels: string[] }[];
}
export interface Kinds { probes: Kind[]; components: Kind[]; steps: Kind[]; channels: Kind[] }

export interface Channel {
  name: string; kind: string; quota: { limit: number | null; used: number } | null; last?: string | null; last_error?: string;
  delivered?: number; failed?: number; waiting?: number;
}
export interface Settings {
  config: { path: string; value: unknown }[]; file: string; loaded: string; error: string; kinds?: Kinds;
  channels: Channel[];
}
export interface DaemonStatus {
  version: string; revision: string; started: string; uptime_seconds: number; time: string; ready: boolean; pid: number;
  config_file: string; config_loaded: string; config_error: string; recovery_mode: string; role: string; user: string;
  store: Record<string, number | string | null>; self: Record<string, number | string | null>;
}

/** An error answer: the daemon's own words, and the HTTP status. */
export class ApiError extends Error {
  constructor(message: string, readonly status: number, readonly type = "") {
    super(message);
  }
}

/** What goes with every request that changes something; `refused` is told when the daemon wants a login. */
export const credentials = { csrf: "", refused: () => {} };

export async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
  const headers = new Headers(init.headers);
  headers.set("Accept", "application/json");
  if (credentials.csrf && init.method && init.method !== "GET") {
    headers.set("X-CSRF-Token", credentials.csrf);
  }
  const response = await fetch(path, { credentials: "same-origin", ...init, headers });
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    body = {};
  }
  if (!response.ok) {
    const said = body as { error?: string; errorType?: string };
    if (response.status === 401 && !path.endsWith("/login")) {
      credentials.refused();
    }
    throw new ApiError(said.error ?? `${response.status} ${response.statusText}`, response.status, said.errorType);
  }
  return body;
}

export function send(method: string, path: string, body: unknown = {}): Promise<unknown> {
  return ask(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** The answer, or null where this daemon does not have the endpoint. */
async function maybe<T>(path: string): Promise<T | null> {
  try {
    return (await ask(path)) as T;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 405)) {
      return null;
    }
    throw error;
  }
}

const own = (id: string) => `/api/v1/incidents/${encodeURIComponent(id)}`;
export type Verb = "approve" | "reject" | "acknowledge" | "stop" | "again";

export const api = {
  fleet: () => ask("/api/v1/fleet") as Promise<Fleet>,
  /** The worst hosts, for the first screen; the document begins to fetch the same. */
  worst: () => ask("/api/v1/fleet?first=40") as Promise<Fleet>,
  target: (name: string) => ask(`/api/v1/targets/${encodeURIComponent(name)}`) as Promise<TargetDetail>,
  incidents: (query: string) =>
    ask(`/api/v1/incidents${query}`) as Promise<{ incidents: IncidentBrief[]; total: number; next: string | null }>,
  incident: (id: string) => ask(own(id)) as Promise<Incident>,
  messages: (id: string) => maybe<Message[] | { messages: Message[] }>(`${own(id)}/messages`),
  act: (id: string, verb: Verb) => send("POST", `${own(id)}/${verb}`),
  report: (id: string, format: string) => `${own(id)}/report?format=${format}`,
  alerts: async () => ((await ask("/api/v1/alerts/active")) as { alerts: Alert[] }).alerts,
  rules: async () => ((await ask("/api/v1/rules")) as { data: { groups: RuleGroup[] } }).data.groups,
  silences: async () => ((await ask("/api/v1/silences")) as { silences: Silence[] }).silences,
  kinds: () => ask("/api/v1/kinds") as Promise<Kinds>,
  readme: (room: string, kind: string) =>
    maybe<{ markdown: string }>(`/api/v1/kinds/${encodeURIComponent(kind)}/readme?room=${room}`),
  settings: () => maybe<Settings>("/api/v1/settings"),
  status: () => ask("/api/v1/status") as Promise<DaemonStatus>,
};
