// Live: the fleet, kept true by server-sent events, with a visible state of the connection.
import { api, type Alert, type Fleet, type IncidentBrief, type Reading, type TargetRow, type TimelineEntry } from "./api";
import { Store, useStore } from "./store";

export interface IncidentEvent extends IncidentBrief { entry: TimelineEntry | null }

const AGAIN = 2000;
const MANY = 100;

class Live extends Store {
  fleet: Fleet | null = null;
  connected = false;
  /** It was connected once, so that what is shown may have become old since. */
  known = false;
  error = "";
  /** Grows when a target's status, incident or the list itself changed, and not with every sample. */
  shape = 0;
  /** Only the worst hosts are known yet. */
  get partial(): boolean {
    return this.fleet !== null && this.fleet.targets.length < this.fleet.summary.targets;
  }

  private at = new Map<string, number>();
  private version = "";
  private source: EventSource | null = null;
  private incidentListeners = new Set<(event: IncidentEvent) => void>();
  private alertListeners = new Set<(alert: Alert) => void>();
  private timer = 0;
  /** Grows with every start and stop, so that what was begun before one does not go on after it. */
  private turn = 0;

  /** Connects, and connects again for as long as the page is open. */
  start(): void {
    this.stop();
    const turn = this.turn;
    const connect = () => {
      if (turn === this.turn) {
        this.connect();
      }
    };
    if (this.fleet) {
      connect();
    } else {
      // The first screen is painted before the whole fleet comes.
      void this.preview().then(() => (document.hidden ? connect() : requestAnimationFrame(() => setTimeout(connect))));
    }
  }

  private connect(): void {
    const source = new EventSource("/api/v1/events");
    this.source = source;
    source.onopen = () => void this.refresh();
    source.onerror = () => {
      this.connected = false;
      this.changed();
      if (!this.fleet || this.partial) {
        void this.refresh();
      }
      // The browser tries again by itself, but not after an answer such as 503: then we do.
      if (source.readyState === EventSource.CLOSED) {
        this.timer = window.setTimeout(() => this.start(), AGAIN);
      }
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
    this.on(source, "alert", (data: Alert) => this.alertListeners.forEach((tell) => tell(data)));
  }

  stop(): void {
    this.turn += 1;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  onIncident(listener: (event: IncidentEvent) => void): () => void {
    this.incidentListeners.add(listener);
    return () => this.incidentListeners.delete(listener);
  }

  onAlert(listener: (alert: Alert) => void): () => void {
    this.alertListeners.add(listener);
    return () => this.alertListeners.delete(listener);
  }

  row(name: string): TargetRow | undefined {
    const index = this.at.get(name);
    return index === undefined ? undefined : this.fleet?.targets[index];
  }

  private on<T>(source: EventSource, name: string, handle: (data: T) => void): void {
    source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data) as T));
  }

  /** The worst hosts, to show something before the stream is open and the whole fleet read. */
  private async preview(): Promise<void> {
    try {
      const worst = await api.worst();
      if (!this.fleet) {
        this.take(worst);
        this.changed();
      }
    } catch {
      // The whole fleet's answer will say what is wrong.
    }
  }

  private take(fleet: Fleet): void {
    this.fleet = fleet;
    this.at = new Map(fleet.targets.map((target, index) => [target.name, index]));
    this.shape += 1;
  }

  private async refresh(): Promise<void> {
    try {
      this.take(await api.fleet());
      this.connected = true;
      this.known = true;
      this.error = "";
    } catch (error) {
      this.connected = false;
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }

  /** Puts a cycle's values into a target's row, which becomes a new object, so that only it is drawn again. */
  private merge(data: { target: string; time: string; values: Reading[] }): void {
    const row = this.row(data.target);
    if (!row || !this.fleet) {
      return;
    }
    const key = (reading: Reading) => reading.name + JSON.stringify(reading.labels);
    const values = [...row.values];
    const known = new Map(values.map((value, index) => [key(value), index]));
    for (const value of data.values) {
      const stamped = { ...value, time: data.time };
      const index = known.get(key(value));
      if (index === undefined) {
        values.push(stamped);
      } else {
        values[index] = stamped;
      }
    }
    this.fleet.targets[this.at.get(row.name) as number] = { ...row, values, last_probe: data.time };
    this.changed(this.fleet.targets.length > MANY ? 400 : 0);
  }

  private replace(data: { summary: Fleet["summary"]; targets: TargetRow[]; reloaded?: boolean }): void {
    if (data.reloaded || !this.fleet) {
      void this.refresh();
      return;
    }
    this.fleet.summary = data.summary;
    for (const target of data.targets) {
      const index = this.at.get(target.name);
      if (index !== undefined) {
        this.fleet.targets[index] = target;
      }
    }
    this.shape += 1;
    this.changed();
  }
}

export const live = new Live();
export const useLive = (): Live => useStore(live);
