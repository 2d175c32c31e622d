// Table: incidents as rows, newest first; each is a link to its page.
import type { IncidentBrief } from "../../api";
import { shortMoment, span } from "../../format";
import { causeTitle, componentName, Empty, outcomeTone, Pill, standing } from "../../ui/pieces";
import { t } from "../../words";

function Row({ incident }: { incident: IncidentBrief }) {
  const cause = causeTitle(incident);
  return (
    <tr>
      <td class="when" data-label={t("Opened")}><time dateTime={incident.opened}>{shortMoment(incident.opened)}</time></td>
      <td data-label={t("What")}><a href={`/incidents/${incident.id}`} data-row>{incident.title}</a></td>
      <td data-label={t("Cause")}><span>{cause || <span class="dim">–</span>} {incident.component && <span class="label">{componentName(incident.component).name}</span>}</span></td>
      <td data-label={t("Outcome")}><Pill text={standing(incident)} tone={outcomeTone(incident)} /></td>
      <td class="number" data-label={t("Lasted")}>{span(incident.duration_seconds)}</td>
    </tr>
  );
}

export function IncidentTable({ incidents }: { incidents: IncidentBrief[] }) {
  if (incidents.length === 0) {
    return <Empty icon="good" title={t("No incident yet.")} />;
  }
  return (
    <table class="rows">
      <thead><tr><th>{t("Opened")}</th><th>{t("What")}</th><th>{t("Cause")}</th><th>{t("Outcome")}</th><th class="number">{t("Lasted")}</th></tr></thead>
      <tbody>{incidents.map((incident) => <Row key={incident.id} incident={incident} />)}</tbody>
    </table>
  );
}
