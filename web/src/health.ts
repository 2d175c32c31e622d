// Health: what is wrong with Raksa itself: its disk, its configuration.
import { api, type DaemonStatus } from "./api";
import { live } from "./live";
import { Store, useStore } from "./store";
import { t } from "./words";

const AGAIN = 30000;

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
    return out;
  }
}

export const health = new Health();
export const useHealth = (): Health => useStore(health);
