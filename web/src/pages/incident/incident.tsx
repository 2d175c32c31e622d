// Incident: what happened in a sentence, the tree of causes, each finding and step with its commands, times, messages, timeline.
import { useEffect, useState } from "preact/hooks";
import { api, type Finding, type Incident, type Message, type Step } from "../../api";
import { clock, moment, span } from "../../format";
import { live } from "../../live";
import { causeTitle, componentName, Loading, outcomeTone, Pill, Problem, Section, standing, useAnswer } from "../../ui/pieces";
import { t } from "../../words";
import { Actions } from "./actions";
import { Commands } from "./commands";
import { Fishbone } from "./fishbone";
import { Phases } from "./phases";
import { sentence } from "./sentence";

function FindingItem({ finding, verdict }: { finding: Finding; verdict: boolean }) {
  const well = finding.cause === "";
  return (
    <li class={`card ${verdict ? "bad" : well ? "good" : finding.cause === "not-examined" ? "" : "warn"}`}>
      <p class="lead"><b>{componentName(finding.component).name}</b> {well ? t("component is well") : causeTitle(finding)}
        {finding.state && <span class="dim"> — {finding.state}</span>}</p>
      {finding.evidence && <p class="small">{t("Evidence")}: {finding.evidence}</p>}
      {finding.details.length > 0 && (
        <dl class="details">{finding.details.map((detail, index) => <div key={index}><dt>{detail.name}</dt><dd>{detail.value}</dd></div>)}</dl>
      )}
      <Commands commands={finding.commands} />
    </li>
  );
}

function StepItem({ step }: { step: Step }) {
  return (
    <li class={`card ${step.done ? "good" : "bad"}`}>
      <p class="lead"><b>{t(step.step)}</b> {componentName(step.component).name} <Pill text={step.done ? "done" : step.refused ? "refused" : "failed"} tone={step.done ? "good" : "bad"} />
        <span class="dim"> {span(step.took_seconds)}</span></p>
      {(step.state_after || step.error) && <p class="small">{step.error || step.state_after}</p>}
      <Commands commands={step.commands} />
    </li>
  );
}

function messageTone(message: Message): "good" | "warn" | "bad" {
  return message.state === "delivered" || message.state === "failed over" ? "good" : message.state === "pending" ? "warn" : "bad";
}

function Messages({ id, turn }: { id: string; turn: number }) {
  const { value } = useAnswer(() => api.messages(id), [id, turn]);
  const messages: Message[] = Array.isArray(value) ? value : (value?.messages ?? []);
  if (messages.length === 0) {
    return null;
  }
  return (
    <Section id="messages" title={t("Messages")}>
      <ul class="cards">
        {messages.map((message, index) => (
          <li key={index} class={`card ${messageTone(message)}`}>
            <details><summary><b>{message.channel}</b> <Pill text={message.state} tone={messageTone(message)} /> <span class="dim">{moment(message.at)}</span>
              {message.error && <span class="bad"> {message.error}</span>}</summary><pre tabIndex={0}>{message.text}</pre></details>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Timeline({ incident }: { incident: Incident }) {
  const [every, setEvery] = useState(false);
  const shown = incident.timeline.filter((entry) => every || entry.kind !== "command");
  return (
    <Section id="timeline" title={t("Timeline")} tools={
      <label class="field"><input type="checkbox" checked={every} onChange={(event) => setEvery(event.currentTarget.checked)} /> {t("Every command")}</label>}>
      <ol class="timeline">
        {shown.map((entry) => (
          <li key={entry.seq} class={entry.kind}><time dateTime={entry.at}>{clock(entry.at)}</time><span class="kind">{t(entry.kind)}</span><span class="text">{entry.text}</span></li>
        ))}
      </ol>
    </Section>
  );
}

function Times({ incident }: { incident: Incident }) {
  const since = (at: string | null) => (at && at !== incident.opened ? `+${span((Date.parse(at) - Date.parse(incident.opened)) / 1000)}` : "");
  const times: [string, string | null][] = [
    [t("Opened"), incident.opened], [t("Repair began"), incident.acted], [t("Proved well"), incident.verified], [t("Closed"), incident.closed],
  ];
  return (
    <dl class="figures">
      {times.map(([name, at]) => <div key={name}><dt>{name}</dt><dd>{moment(at)} <span class="dim">{since(at)}</span></dd></div>)}
      {incident.acknowledged_by && <div><dt>{t("Acknowledged by")}</dt><dd>{incident.acknowledged_by}</dd></div>}
    </dl>
  );
}

export function IncidentPage({ id }: { id: string }) {
  const { value: incident, error, again } = useAnswer(() => api.incident(id), [id]);
  const { value: kinds } = useAnswer(() => api.kinds(), []);
  useEffect(() => live.onIncident((event) => { if (event.id === id) again(); }), [id]);
  if (!incident) {
    return <><h1 class="unseen">{t("Incident")}</h1>{error ? <Problem text={error} /> : <Loading />}</>;
  }
  return (
    <>
      <div class="tools">
        <h1>{incident.title}</h1>
        <Pill text={standing(incident)} tone={outcomeTone(incident)} />
        <a href={`/hosts/${encodeURIComponent(incident.target)}`}>{incident.target}</a>
      </div>
      <p class={`sentence ${outcomeTone(incident)}`}>{sentence(incident)}</p>
      <Actions incident={incident} onDone={again} />
      <Times incident={incident} />
      <Phases incident={incident} />
      <Fishbone incident={incident} kinds={kinds} />
      {incident.steps.length > 0 && (
        <Section id="repair" title={t("Repair")}><ul class="cards">{incident.steps.map((step, index) => <StepItem key={index} step={step} />)}</ul></Section>
      )}
      {incident.findings.length > 0 && (
        <Section id="findings" title={t("Findings")}>
          <ul class="cards">{incident.findings.map((finding, index) => <FindingItem key={index} finding={finding}
            verdict={finding.cause !== "" && finding.cause === incident.cause && finding.component === incident.component} />)}</ul>
        </Section>
      )}
      <Messages id={id} turn={incident.timeline.length} />
      <Timeline incident={incident} />
    </>
  );
}
