// Actions: what a person may do with an incident, by role and by the incident's state, and the report to download.
import { useState } from "preact/hooks";
import { ApiError, api, type Incident, type Verb } from "../../api";
import { useSession } from "../../session";
import { Icon } from "../../ui/pieces";
import { t } from "../../words";

/** Verbs that this daemon does not know (404), for the life of the page. */
const unknown = new Set<Verb>();

function verbs(incident: Incident): Verb[] {
  const out: Verb[] = [];
  if (!incident.closed) {
    if (incident.needs_approval) out.push("approve", "reject");
    if (!incident.acknowledged_by) out.push("acknowledge");
    if (incident.state === "needs human") out.push("again");
    else if (!incident.needs_approval) out.push("stop");
  }
  return out.filter((verb) => !unknown.has(verb));
}

const NAMES: Record<Verb, string> = { approve: "Approve", reject: "Reject", acknowledge: "Acknowledge", stop: "Stop", again: "Run again" };
const SAID: Record<Verb, string> = {
  approve: "Approved: Raksa repairs now.", reject: "Rejected: nothing is changed.", acknowledge: "Acknowledged.",
  stop: "Stopped: Raksa leaves this to you.", again: "Raksa looks again.",
};

export function Actions({ incident, onDone }: { incident: Incident; onDone: () => void }) {
  const { operate } = useSession();
  const [said, setSaid] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const act = async (verb: Verb) => {
    setBusy(true);
    setError("");
    try {
      await api.act(incident.id, verb);
      setSaid(t(SAID[verb]));
      onDone();
    } catch (problem) {
      if (problem instanceof ApiError && (problem.status === 404 || problem.status === 405) && (verb === "stop" || verb === "again")) {
        unknown.add(verb);
      }
      setError(problem instanceof Error ? problem.message : String(problem));
    }
    setBusy(false);
  };
  return (
    <div class="actions">
      {operate && verbs(incident).map((verb) => (
        <button key={verb} type="button" class={verb === "approve" ? "primary" : verb === "stop" || verb === "reject" ? "danger" : ""} disabled={busy}
          onClick={() => void act(verb)}>{t(NAMES[verb])}</button>
      ))}
      <span role="status" class="good">{said}</span>
      {error && <span role="alert" class="bad">{error}</span>}
      <span class="grow" />
      <Report incident={incident} />
    </div>
  );
}

function Report({ incident }: { incident: Incident }) {
  return (
    <p class="report"><Icon name="download" />{t("Report")}
      {[["md", "Markdown"], ["html", "HTML"], ["json", "JSON"]].map(([format, name]) => (
        <a key={format} href={api.report(incident.id, format ?? "")} download>{name}</a>
      ))}
    </p>
  );
}
