// Welcome: what an empty install says: how to add a server.
import { t } from "../../words";

const LINES = `targets:
  - name: web1
    address: 192.0.2.11
    url: http://192.0.2.11/
    ports: [80, 443]
    snmp: public       # processor, memory, disks, traffic
    ssh: ops           # to find causes and to repair
    application: [firewall, nginx, docker, "container:web-application"]`;

export function Welcome({ none }: { none: boolean }) {
  return (
    <section class="welcome" aria-labelledby="welcome">
      <h2 id="welcome">{none ? t("Nothing is watched yet.") : t("Watch your own servers")}</h2>
      <ol>
        <li><p>{t("Put a few lines for the server into the configuration:")}</p><pre><code>{LINES}</code></pre></li>
        <li><p>{t("Look whether all is right, and see once what each probe sees:")}</p><pre><code>{"raksa check raksa.yaml\nraksa probe web1"}</code></pre></li>
        <li><p>{t("Keep the host key, so that Raksa may log in:")}</p><pre><code>raksa enroll web1</code></pre></li>
        <li><p>{t("Load the configuration. The server appears here by itself:")}</p><pre><code>{`curl -X POST ${location.origin}/-/reload`}</code></pre></li>
      </ol>
    </section>
  );
}
