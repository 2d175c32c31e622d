// Incident: what happened in a sentence, the verdict with its evidence, each step, every command, the timeline.
import { useEffect, useState } from "preact/hooks";
import { api, type Command, type Finding, type Incident, type Step } from "../../api";
import { clock, moment, span } from "../../format";
import { live } from "../../live";
import { language, t } from "../../words";
import { outcomeClass } from "./incidents";

function Commands({ commands }: { commands: Command[] }) {
  if (commands.length === 0) {
    return null;
  }
  return (
    <details>
      <summary>{commands.length} {t("commands")}</summary>
      {commands.map((command, index) => (
        <div key={index} class="command">
          <code>$ {command.argv.join(" ")}</code>
          <span class={command.exit_status === 0 ? "dim" : "bad"}> → {command.error || command.exit_status} · {span(command.took_seconds)}</span>
          {command.output && <pre>{command.output}{command.truncated && "\n…"}</pre>}
        </div>
      ))}
    </details>
  );
}

function FindingItem({ finding, verdict }: { finding: Finding; verdict: boolean }) {
  const well = finding.cause === "";
  const title = language() === "th" && finding.title_th ? finding.title_th : finding.title;
  return (
    <li class={`finding ${verdict ? "verdict" : ""} ${well ? "well" : ""}`}>
      <strong>{finding.component}</strong>: {well ? t("component is well") : title}
      {finding.consequence_of && <span class="dim"> ({t("consequence of")} {finding.consequence_of})</span>}
      {finding.state && <p>{finding.state}</p>}
      {finding.evidence && <p class="dim">{t("evidence")}: {finding.evidence}</p>}
      {finding.details.length > 0 && <dl class="figures">{finding.details.map((detail) => <div key={detail.name}><dt>{detail.name}</dt><dd>{detail.value}</dd></div>)}</dl>}
      <Commands commands={finding.commands} />
    </li>
  );
}

function StepItem({ step }: { step: Step }) {
  return (
    <li class="finding">
      <strong>{step.step}</strong> {step.component} <span class={step.done ? "good" : "bad"}>{step.done ? step.state_after : step.error}</span>{" "}
      <span class="dim">{span(step.took_seconds)}</span>
      <Commands commands={step.commands} />
    </li>
  );
}

function Actions({ incident }: { incident: Incident }) {
  const [error, setError] = useState("");
  const act = (verb: "approve" | "reject" | "acknowledge") => void api.act(incident.id, verb).then(() => setError(""), (problem: Error) => setError(problem.message));
  if (incident.closed) {
    return null;
  }
  return (
    <p class="actions">
      {incident.needs_approval && <button type="button" class="primary" onClick={() => act("approve")}>{t("Approve")}</button>}
      {incident.needs_approval && <button type="button" onClick={() => act("reject")}>{t("Reject")}</button>}
      {!incident.acknowledged_by && <button type="button" onClick={() => act("acknowledge")}>{t("Acknowledge")}</button>}
      {error && <span class="bad">{error}</span>}
    </p>
  );
}

export function IncidentPage({ id }: { id: string }) {
  const [incident, setIncident] = useState<Incident | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    const load = () => void api.incident(id).then(setIncident, (problem: Error) => setError(problem.message));
    load();
    return live.onIncident((event) => { if (event.id === id) load(); });
  }, [id]);
  if (!incident) {
    return <p class={error ? "bad" : "dim"}>{error || "…"}</p>;
  }
  const times: [string, string | null][] = [[t("Opened"), incident.opened], [t("Repaired"), incident.acted], [t("Verified"), incident.verified], [t("Closed"), incident.closed]];
  return (
    <>
      <div class="tools">
        <h1>{incident.title}</h1>
        <span class={`state ${outcomeClass(incident)}`}>{t(incident.outcome || incident.state)}</span>
        <a href={`/hosts/${encodeURIComponent(incident.target)}`}>{incident.target}</a>
      </div>
      {incident.cause_title && <p class="sentence">{t("Cause")}: <strong>{incident.cause_title}</strong> {incident.component}</p>}
      <Actions incident={incident} />
      <dl class="figures">
        {times.map(([name, at]) => <div key={name}><dt>{name}</dt><dd>{moment(at)}{at && at !== incident.opened && ` (+${span((Date.parse(at) - Date.parse(incident.opened)) / 1000)})`}</dd></div>)}
      </dl>
      {incident.findings.length > 0 && (
        <section aria-labelledby="findings">
          <h2 id="findings">{t("Findings")}</h2>
          <ul class="findings">{incident.findings.map((finding, index) => <FindingItem key={index} finding={finding}
            verdict={finding.cause === incident.cause && finding.component === incident.component && finding.cause !== ""} />)}</ul>
        </section>
      )}
      {incident.steps.length > 0 && (
        <section aria-labelledby="repair">
          <h2 id="repair">{t("Repair")}</h2>
          <ul class="findings">{incident.steps.map((step, index) => <StepItem key={index} step={step} />)}</ul>
        </section>
      )}
      <section aria-labelledby="timeline">
        <h2 id="timeline">{t("Timeline")}</h2>
        <ol class="timeline">
          {incident.timeline.map((entry) => (
            <li key={entry.seq}><time dateTime={entry.at}>{clock(entry.at)}</time> <span class={`kind kind-${entry.kind}`}>{entry.kind}</span> <span>{entry.text}</span></li>
          ))}
        </ol>
      </section>
    </>
  );
}
