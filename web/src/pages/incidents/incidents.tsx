// Incidents: the list, newest first, live.
import { useEffect, useState } from "preact/hooks";
import { api, type IncidentBrief } from "../../api";
import { moment, span } from "../../format";
import { live } from "../../live";
import { t } from "../../words";

export function outcomeClass(incident: IncidentBrief): string {
  if (incident.outcome === "fixed" || incident.outcome === "healed by itself") {
    return "good";
  }
  return incident.closed && incident.outcome !== "reported" ? "bad" : "warn";
}

export function IncidentTable({ incidents }: { incidents: IncidentBrief[] }) {
  if (incidents.length === 0) {
    return <p class="dim">{t("No incident yet.")}</p>;
  }
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>{t("Opened")}</th><th>{t("What")}</th><th>{t("Cause")}</th><th>{t("State")}</th><th>{t("Outcome")}</th><th>{t("Time")}</th></tr></thead>
        <tbody>
          {incidents.map((incident) => (
            <tr key={incident.id}>
              <td>{moment(incident.opened)}</td>
              <td><a href={`/incidents/${incident.id}`}>{incident.title}</a></td>
              <td>{incident.cause_title}{incident.component && <span class="dim"> {incident.component}</span>}</td>
              <td>{t(incident.state)}</td>
              <td class={outcomeClass(incident)}>{t(incident.outcome)}</td>
              <td>{span(incident.duration_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function IncidentsPage() {
  const [incidents, setIncidents] = useState<IncidentBrief[] | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    const load = () => void api.incidents("?limit=100").then((answer) => setIncidents(answer.incidents), (problem: Error) => setError(problem.message));
    load();
    return live.onIncident(load);
  }, []);
  return (
    <>
      <div class="tools"><h1>{t("Incidents")}</h1></div>
      {error && <p class="bad">{error}</p>}
      {incidents && <IncidentTable incidents={incidents} />}
    </>
  );
}
