// Chain: the application as the path that a request takes, with the state of each component.
import { useEffect, useState } from "preact/hooks";
import { api, type Finding, type Incident } from "../../api";
import { moment } from "../../format";
import { causeTitle, componentName, Icon } from "../../ui/pieces";
import { t } from "../../words";
import type { Shown } from "./values";

const ICON: Record<string, string> = {
  firewall: "shield", nginx: "globe", docker: "engine", container: "box", service: "settings", host: "server", command: "keys",
};

type State = "well" | "broken" | "follows" | "unknown";

interface Node { id: string; state: State; text: string }

const same = (component: string, finding: Finding) =>
  finding.component === component || finding.component === `service:${component}` || `service:${finding.component}` === component;

/** Whether a request gets through: everything that is asked from outside answers as it should. */
function passes(row: Shown["row"]): boolean {
  const asked = ["ping", "port", "http_code"];
  return row.status !== "down" && row.status !== "unknown"
    && !row.alerts.some((alert) => alert.state !== "resolved" && asked.includes(alert.labels["metric"] ?? ""));
}

/** What the newest look at the component found. While all probes pass, the path as a whole is known to work. */
function judge(component: string, incident: Incident | null, row: Shown["row"]): Node {
  const finding = incident?.findings.find((one) => same(component, one));
  if (passes(row)) {
    return { id: component, state: "well", text: t("works") };
  }
  if (!row.incident || !finding || finding.cause === "not-examined") {
    return { id: component, state: "unknown", text: t("not examined") };
  }
  if (finding.cause === "") {
    return { id: component, state: "well", text: finding.state || t("well") };
  }
  return { id: component, state: finding.consequence_of ? "follows" : "broken", text: causeTitle(finding) };
}

const SIGN: Record<State, string> = { well: "good", broken: "bad", follows: "warn", unknown: "unknown" };

export function Chain({ shown }: { shown: Shown }) {
  const { row, detail } = shown;
  const newest = row.incident?.id ?? detail.incidents[0]?.id ?? "";
  const step = row.incident?.state ?? "";
  const [incident, setIncident] = useState<Incident | null>(null);
  useEffect(() => {
    let gone = false;
    if (newest) {
      api.incident(newest).then((answer) => { if (!gone) setIncident(answer); }, () => {});
    }
    return () => { gone = true; };
  }, [newest, step]);
  if (row.application.length === 0) {
    return null;
  }
  const nodes = row.application.map((component) => judge(component, incident, row));
  const examined = incident?.timeline.find((entry) => entry.kind === "finding")?.at;
  return (
    <div class="chain">
      <ol aria-label={t("The request's path")}>
        <li class="visitor"><Icon name="person" /><span class="name">{t("Visitor")}</span></li>
        {nodes.map((node) => {
          const { kind, name } = componentName(node.id);
          return (
            <li key={node.id} class={node.state}>
              <Icon name={ICON[kind] ?? "settings"} />
              <span class="name">{name}</span>
              <span class="what"><Icon name={SIGN[node.state]} />{node.text}</span>
            </li>
          );
        })}
      </ol>
      {passes(row) && <p class="dim small">{t("Seen from outside, requests get through.")}</p>}
      {examined && newest && <p class="dim small">{t("Last examined")} <a href={`/incidents/${newest}`}>{moment(examined)}</a></p>}
    </div>
  );
}
