// Health: what is wrong with Raksa itself: its disk, its configuration, who takes its samples.
import { api, type DaemonStatus } from "./api";
import { span } from "./format";
import { live } from "./live";
import { Store, useStore } from "./store";
import { t } from "./words";

const AGAIN = 30000;
/** Seconds by which a receiver of samples may be behind before it is said. */
const BEHIND = 60;

export interface Trouble { text: string; detail: string }

class Health extends Store {
  status: DaemonStatus | null = null;

  /** Reads the daemon's own state now and then, while somebody looks and the connection stands. */
  start(): () => void {
    const read = () => {
      if (!document.hidden && live.connected) {
        api.status().then((status) => { this.status = status; this.changed(); }, () => {});
      }
    };
    let connected = false;
    const stop = live.subscribe(() => {
      if (live.connected !== connected) {
        connected = live.connected;
        setTimeout(read, 1000);
      }
    });
    const timer = setInterval(read, AGAIN);
    return () => { stop(); clearInterval(timer); };
  }

  get troubles(): Trouble[] {
    const out: Trouble[] = [];
    const status = this.status;
    if (status?.store["error"]) {
      out.push({ text: t("Samples are not stored now."), detail: `${status.store["error"]}` });
    }
    if (status?.config_error) {
      out.push({ text: t("The configuration on disk was refused; the one before it is in use."), detail: status.config_error });
    }
    for (const remote of status?.remote_write ?? []) {
      if (remote.lag_seconds > BEHIND) {
        out.push({ text: t("{name} gets its samples {span} late.", { name: remote.name, span: span(remote.lag_seconds) }), detail: remote.error ?? "" });
      }
    }
    return out;
  }
}

export const health = new Health();
export const useHealth = (): Health => useStore(health);
