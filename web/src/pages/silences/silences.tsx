// Silences: what is silent or in maintenance, from when to when and why; to make one and to end one.
import { useState } from "preact/hooks";
import { api, send, type Silence } from "../../api";
import { moment, shortMoment } from "../../format";
import { router, useRouter } from "../../router";
import { useSession } from "../../session";
import { Empty, Loading, Pill, Problem, Section, useAnswer } from "../../ui/pieces";
import { t } from "../../words";
import { SilenceForm } from "./form";

function Item({ silence, onEnd }: { silence: Silence; onEnd: (() => void) | null }) {
  return (
    <li class="silence-row">
      <Pill text={silence.kind} tone={silence.state === "active" ? (silence.kind === "maintenance" ? "warn" : "info") : ""} />
      <div>
        <p>{silence.matchers.map((one, index) => <span key={index}><span class="label">{one.name}{one.op}{one.value}</span> </span>)}</p>
        <p>{silence.comment} <span class="dim">— {silence.created_by}</span></p>
        <p class="dim small">{moment(silence.starts_at)} – {shortMoment(silence.ends_at)}</p>
      </div>
      {onEnd ? <button type="button" onClick={onEnd}>{silence.state === "pending" ? t("Cancel") : t("End now")}</button> : <span />}
    </li>
  );
}

export function SilencesPage() {
  const { query } = useRouter();
  const { operate } = useSession();
  const { value, error, again } = useAnswer(api.silences, []);
  const [problem, setProblem] = useState("");
  const end = (id: string) => void send("DELETE", `/api/v1/silences/${encodeURIComponent(id)}`).then(() => { setProblem(""); again(); }, (one: Error) => setProblem(one.message));
  const making = operate && query.has("new");
  const list = (state: string) => (value ?? []).filter((one) => one.state === state);
  const current = [...list("active"), ...list("pending")];
  const past = list("expired");
  return (
    <>
      <div class="tools"><h1>{t("Silences and maintenance")}</h1><span class="grow" />
        {operate && !making && <button type="button" class="primary" onClick={() => router.set({ new: "1" }, false)}>{t("New silence")}</button>}</div>
      <Problem text={error || problem} />
      {making && <SilenceForm onDone={again} />}
      {!value && !error && <Loading />}
      {value && (current.length > 0
        ? <ul class="panel">{current.map((one) => <Item key={one.id} silence={one} onEnd={operate ? () => end(one.id) : null} />)}</ul>
        : <Empty icon="silences" title={t("Nothing is silent.")}><p>{t("A silence holds messages back; a maintenance holds repairs back too.")}</p></Empty>)}
      {past.length > 0 && <Section id="past" title={t("Ended")}><ul class="panel">{past.slice(0, 50).map((one) => <Item key={one.id} silence={one} onEnd={null} />)}</ul></Section>}
    </>
  );
}
