// Form: a new silence or maintenance: for what, how long, why.
import { useState } from "preact/hooks";
import { send, type Matcher } from "../../api";
import { useLive } from "../../live";
import { router } from "../../router";
import { session } from "../../session";
import { Choice, Icon, Problem } from "../../ui/pieces";
import { t } from "../../words";

const OPS = ["=", "!=", "=~", "!~"];
const LENGTHS: [string, string][] = [["30m", "30 minutes"], ["2h", "2 hours"], ["8h", "8 hours"], ["24h", "24 hours"], ["168h", "7 days"]];

/** Matchers from the address, as an alert's link gives them. */
function wished(): Matcher[] {
  const query = new URLSearchParams(location.search);
  const found = ["target", "alertname"].flatMap((name) => (query.get(name) ? [{ name, op: "=", value: query.get(name) ?? "" }] : []));
  return found.length > 0 ? found : [{ name: "target", op: "=", value: "" }];
}

function MatcherLine({ matcher, onChange, onRemove }:
    { matcher: Matcher; onChange: (next: Matcher) => void; onRemove: (() => void) | null }) {
  return (
    <div class="matcher">
      <input aria-label={t("Label")} list="label-names" required value={matcher.name} onInput={(event) => onChange({ ...matcher, name: event.currentTarget.value })} />
      <select aria-label={t("Comparison")} value={matcher.op} onChange={(event) => onChange({ ...matcher, op: event.currentTarget.value })}>
        {OPS.map((op) => <option key={op} value={op}>{op}</option>)}
      </select>
      <input aria-label={t("Value")} list={matcher.name === "target" ? "target-names" : undefined} required value={matcher.value}
        onInput={(event) => onChange({ ...matcher, value: event.currentTarget.value })} />
      {onRemove && <button type="button" class="iconic" aria-label={t("Remove")} onClick={onRemove}><Icon name="close" /></button>}
    </div>
  );
}

function Matchers({ matchers, onChange }: { matchers: Matcher[]; onChange: (next: Matcher[]) => void }) {
  const { fleet } = useLive();
  const labels = ["target", "alertname", "severity", "metric", ...new Set((fleet?.targets ?? []).flatMap((row) => Object.keys(row.labels)))];
  return (
    <fieldset class="matchers">
      <legend>{t("For alerts whose labels are")}</legend>
      {matchers.map((matcher, index) => (
        <MatcherLine key={index} matcher={matcher} onChange={(next) => onChange(matchers.map((one, at) => (at === index ? next : one)))}
          onRemove={matchers.length > 1 ? () => onChange(matchers.filter((_one, at) => at !== index)) : null} />
      ))}
      <button type="button" class="quiet" onClick={() => onChange([...matchers, { name: "", op: "=", value: "" }])}>+ {t("another label")}</button>
      <datalist id="label-names">{labels.map((name) => <option key={name} value={name} />)}</datalist>
      <datalist id="target-names">{(fleet?.targets ?? []).slice(0, 500).map((row) => <option key={row.name} value={row.name} />)}</datalist>
    </fieldset>
  );
}

export function SilenceForm({ onDone }: { onDone: () => void }) {
  const [kind, setKind] = useState<"silence" | "maintenance">("silence");
  const [matchers, setMatchers] = useState(wished);
  const [duration, setDuration] = useState("2h");
  const [comment, setComment] = useState("");
  const [error, setError] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await send("POST", "/api/v1/silences", { kind, matchers, duration, comment, ...(session.user ? { created_by: session.user } : {}) });
      router.go("/silences", true);
      onDone();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <h2>{t("New silence")}</h2>
      <div class="line">
        <Choice label={t("Kind")} value={kind} onPick={setKind} options={[["silence", t("silence")], ["maintenance", t("maintenance")]]} />
        <span class="dim">{kind === "silence" ? t("No messages; repairs go on.") : t("No messages and no repairs.")}</span>
      </div>
      <Matchers matchers={matchers} onChange={setMatchers} />
      <div class="line">
        <label class="field">{t("For")}
          <select value={duration} onChange={(event) => setDuration(event.currentTarget.value)}>{LENGTHS.map(([value, name]) => <option key={value} value={value}>{t(name)}</option>)}</select>
        </label>
        <label class="field">{t("Why")} <input class="text" required value={comment} placeholder={t("kernel update")} onInput={(event) => setComment(event.currentTarget.value)} /></label>
      </div>
      <Problem text={error} />
      <div class="line">
        <button type="submit" class="primary">{t("Create")}</button>
        <button type="button" onClick={() => router.go("/silences", true)}>{t("Cancel")}</button>
      </div>
    </form>
  );
}
