// Phases: how long each state of an incident lasted, on one bar.
import type { Incident } from "../../api";
import { span } from "../../format";
import { Section } from "../../ui/pieces";
import { t } from "../../words";

interface Phase { state: string; from: number; seconds: number }

/** The states of the timeline with their length; an open incident's last state lasts until now. */
export function phases(incident: Incident): Phase[] {
  const moves = incident.timeline.filter((entry) => entry.kind === "state")
    .map((entry) => ({ state: String(entry.data["to"] ?? entry.data["state"] ?? entry.text.split(":")[0]), at: Date.parse(entry.at) / 1000 }));
  const end = incident.closed ? Date.parse(incident.closed) / 1000 : Date.now() / 1000;
  const out: Phase[] = [];
  moves.forEach((move, index) => {
    const seconds = (moves[index + 1]?.at ?? end) - move.at;
    if (move.state !== "resolved" && seconds > 0) {
      out.push({ state: move.state, from: move.at, seconds });
    }
  });
  return out;
}

const COLOR: Record<string, number> = {
  open: 6, confirming: 6, diagnosing: 1, planned: 3, "awaiting approval": 2, acting: 0, settling: 5, verifying: 6, holding: 7, "needs human": 4,
};

export function Phases({ incident }: { incident: Incident }) {
  const all = phases(incident);
  const total = all.reduce((sum, phase) => sum + phase.seconds, 0);
  if (all.length === 0 || total <= 0) {
    return null;
  }
  // A short phase has to be seen too, so each gets a little of the bar before the rest is shared by time.
  const share = (seconds: number) => `${(2 + (100 - 2 * all.length) * (seconds / total)).toFixed(2)}%`;
  return (
    <Section id="phases" title={t("How long it took")} tools={<span class="dim">{span(total)}</span>}>
      <div class="phases" role="img" aria-label={all.map((phase) => `${t(phase.state)} ${span(phase.seconds)}`).join(", ")}>
        {all.map((phase, index) => <span key={index} class={`c${COLOR[phase.state] ?? 7}`} style={{ width: share(phase.seconds) }} title={`${t(phase.state)} ${span(phase.seconds)}`} />)}
      </div>
      <ul class="legend">
        {all.map((phase, index) => <li key={index}><span class={`key c${COLOR[phase.state] ?? 7}`} /><span class="name">{t(phase.state)}</span> <span class="value">{span(phase.seconds)}</span></li>)}
      </ul>
    </Section>
  );
}
