// Sentence: what happened, in one.
import type { Incident } from "../../api";
import { span, timeOfDay } from "../../format";
import { causeTitle, componentName } from "../../ui/pieces";
import { t } from "../../words";

/** The step that changed something last, or the last one that was tried. */
function lastStep(incident: Incident) {
  return [...incident.steps].reverse().find((step) => step.done) ?? incident.steps[incident.steps.length - 1];
}

function ending(incident: Incident): string {
  const step = lastStep(incident);
  const values = {
    step: step ? t(step.step) : "", component: step ? componentName(step.component).name : "",
    span: span((Date.parse(incident.verified ?? incident.closed ?? incident.opened) - Date.parse(incident.opened)) / 1000),
  };
  switch (incident.outcome) {
    case "fixed": return t("Raksa repaired it ({step}, {component}) and proved it from outside after {span}.", values);
    case "healed by itself": return t("It healed by itself after {span}.", values);
    case "fixed then recurred": return t("Raksa repaired it, and it came back.");
    case "made worse": return t("The repair made it worse. A person is needed.");
    case "not fixed": return t("It could not be repaired. A person is needed.");
    case "reported": return t("Raksa reported it; there was nothing that it may repair.");
    default: break;
  }
  if (incident.needs_approval) {
    return t("A repair is planned and waits for a person's approval.");
  }
  return t("Now: {state}.", { state: t(incident.state) });
}

/** One or two sentences for people: what was seen, why, and how it ended. */
export function sentence(incident: Incident): string {
  const cause = causeTitle(incident);
  const seen = t("At {time} on {target}: {title}.", {
    time: timeOfDay(incident.opened), target: incident.target, title: incident.title.replace(`${incident.target}: `, ""),
  });
  const why = cause ? ` ${t("The cause: {cause} ({component}).", { cause, component: componentName(incident.component).name })}` : "";
  return `${seen}${why} ${ending(incident)}`;
}
