// Live: the fleet, kept true by server-sent events, with a visible state of the connection.
import { useEffect, useState } from "preact/hooks";
import { api, type Fleet, type IncidentBrief, type Reading, type TargetRow, type TimelineEntry } from "./api";

export interface IncidentEvent extends IncidentBrief { entry: TimelineEntry | null }

type Listener = () => void;

class Live {
  fleet: Fleet | null = null;
  connected = false;
  error = "";
  private version = "";
  private listeners = new Set<Listener>();
  private incidentListeners = new Set<(event: IncidentEvent) => void>();
  private pending = false;

  start(): void {
    const source = new EventSource("/api/v1/events");
    source.onopen = () => this.refresh();
    source.onerror = () => {
      this.connected = false;
      this.changed();
    };
    this.on(source, "hello", (data: { version: string }) => {
      if (this.version && this.version !== data.version) {
        location.reload();
      }
      this.version = data.version;
    });
    this.on(source, "sample", (data: { target: string; time: string; values: Reading[] }) => this.merge(data));
    this.on(source, "fleet", (data: { summary: Fleet["summary"]; targets: TargetRow[]; reloaded?: boolean }) => this.replace(data));
    this.on(source, "incident", (data: IncidentEvent) => this.incidentListeners.forEach((tell) => tell(data)));
    this.refresh();
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  onIncident(listener: (event: IncidentEvent) => void): () => void {
    this.incidentListeners.add(listener);
    return () => this.incidentListeners.delete(listener);
  }

  private on<T>(source: EventSource, name: string, handle: (data: T) => void): void {
    source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data) as T));
  }

  private async refresh(): Promise<void> {
    try {
      this.fleet = await api.fleet();
      this.connected = true;
      this.error = "";
    } catch (error) {
      this.connected = false;
      this.error = String(error instanceof Error ? error.message : error);
    }
    this.changed();
  }

  private merge(data: { target: string; time: string; values: Reading[] }): void {
    const row = this.fleet?.targets.find((target) => target.name === data.target);
    if (!row) {
      return;
    }
    const key = (r: Reading) => r.name + JSON.stringify(r.labels);
    const known = new Map(row.values.map((value, index) => [key(value), index]));
    for (const value of data.values) {
      const index = known.get(key(value));
      const stamped = { ...value, time: data.time };
      if (index === undefined) {
        row.values.push(stamped);
      } else {
        row.values[index] = stamped;
      }
    }
    row.last_probe = data.time;
    this.changed();
  }

  private replace(data: { summary: Fleet["summary"]; targets: TargetRow[]; reloaded?: boolean }): void {
    if (data.reloaded || !this.fleet) {
      void this.refresh();
      return;
    }
    this.fleet.summary = data.summary;
    for (const target of data.targets) {
      const index = this.fleet.targets.findIndex((row) => row.name === target.name);
      if (index >= 0) {
        this.fleet.targets[index] = target;
      }
    }
    this.changed();
  }

  /** Tells the listeners at most once a frame. */
  private changed(): void {
    if (this.pending) {
      return;
    }
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.listeners.forEach((tell) => tell());
    });
  }
}

export const live = new Live();

/** Draws the caller again whenever the fleet changes. */
export function useLive(): Live {
  const [, redraw] = useState(0);
  useEffect(() => live.subscribe(() => redraw((n) => n + 1)), []);
  return live;
}
