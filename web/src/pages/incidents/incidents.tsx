// Incidents: the list, newest first, live, with filters that are in the address.
import { useEffect, useState } from "preact/hooks";
import { api, type IncidentBrief } from "../../api";
import { live, useLive } from "../../live";
import { router, useRouter } from "../../router";
import { Choice, Empty, Loading, Problem } from "../../ui/pieces";
import { plural, t } from "../../words";
import { IncidentTable } from "./table";

const OUTCOMES = ["fixed", "not fixed", "healed by itself", "fixed then recurred", "made worse", "reported"];
const SINCE: [string, string, number][] = [["", "any time", 0], ["24h", "24 hours", 86400], ["7d", "7 days", 604800], ["30d", "30 days", 2592000]];
const PAGE = 100;

interface Wish { state: string; target: string; outcome: string; since: string }

function serverQuery(wish: Wish, before: string): string {
  const query = new URLSearchParams({ limit: `${PAGE}` });
  if (wish.state) query.set("state", wish.state);
  if (wish.target) query.set("target", wish.target);
  if (wish.outcome) query.set("outcome", wish.outcome);
  const seconds = SINCE.find(([key]) => key === wish.since)?.[2] ?? 0;
  if (seconds) query.set("since", `${Math.floor(Date.now() / 1000) - seconds}`);
  if (before) query.set("before", before);
  return `?${query.toString()}`;
}

function Filters({ wish }: { wish: Wish }) {
  const { fleet } = useLive();
  const names = (fleet?.targets ?? []).map((row) => row.name);
  return (
    <>
      <Choice label={t("State")} value={wish.state} onPick={(state) => router.set({ state })}
        options={[["", t("all")], ["active", t("open")], ["closed", t("ended")]]} />
      <span class="grow" />
      <label class="field">{t("Host")}
        <input list="hosts" value={wish.target} placeholder={t("all")} onChange={(event) => router.set({ target: event.currentTarget.value })} />
        <datalist id="hosts">{names.slice(0, 500).map((name) => <option key={name} value={name} />)}</datalist>
      </label>
      <label class="field">{t("Outcome")}
        <select value={wish.outcome} onChange={(event) => router.set({ outcome: event.currentTarget.value })}>
          <option value="">{t("all")}</option>
          {OUTCOMES.map((outcome) => <option key={outcome} value={outcome}>{t(outcome)}</option>)}
        </select>
      </label>
      <label class="field">{t("Since")}
        <select value={wish.since} onChange={(event) => router.set({ since: event.currentTarget.value })}>
          {SINCE.map(([key, name]) => <option key={key} value={key}>{t(name)}</option>)}
        </select>
      </label>
    </>
  );
}

interface List { incidents: IncidentBrief[]; total: number; next: string | null }

function useList(wish: Wish): { list: List | null; error: string; more: () => void } {
  const [list, setList] = useState<List | null>(null);
  const [error, setError] = useState("");
  const failed = (problem: Error) => setError(problem.message);
  useEffect(() => {
    let gone = false;
    const load = () => void api.incidents(serverQuery(wish, "")).then((answer) => { if (!gone) { setList(answer); setError(""); } }, failed);
    let timer = 0;
    load();
    const stop = live.onIncident(() => {
      clearTimeout(timer);
      timer = window.setTimeout(load, 150);
    });
    return () => { gone = true; clearTimeout(timer); stop(); };
  }, [wish.state, wish.target, wish.outcome, wish.since]);
  const more = () => void api.incidents(serverQuery(wish, list?.next ?? "")).then(
    (answer) => setList((was) => ({ ...answer, incidents: [...(was?.incidents ?? []), ...answer.incidents] })), failed);
  return { list, error, more };
}

export function IncidentsPage() {
  const { query } = useRouter();
  const wish: Wish = {
    state: query.get("state") ?? "", target: query.get("target") ?? "", outcome: query.get("outcome") ?? "", since: query.get("since") ?? "",
  };
  const { list, error, more } = useList(wish);
  const shown = list?.incidents ?? [];
  return (
    <>
      <div class="tools"><h1>{t("Incidents")}</h1><Filters wish={wish} /></div>
      <Problem text={error} />
      {!list && !error && <Loading />}
      {list && (shown.length > 0 || !(wish.state || wish.target || wish.outcome || wish.since)
        ? <IncidentTable incidents={shown} />
        : <Empty icon="incidents" title={t("No incident matches.")} />)}
      {shown.length > 0 && list && (
        <p class="foot">{plural(list.total, "one incident", "{n} incidents")}
          {list.next && <button type="button" onClick={more}>{t("Show older ones")}</button>}</p>
      )}
    </>
  );
}
