// Fleet: every host at a glance, worst first, to search, filter and group.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Fleet, Status } from "../../api";
import { live, useLive } from "../../live";
import { router, useRouter } from "../../router";
import { Loading } from "../../ui/pieces";
import { useVirtual } from "../../ui/virtual";
import { language, plural, t } from "../../words";
import { history, useHistory } from "./history";
import { arrange, labelNames, type Item, type Wish } from "./order";
import { Row } from "./row";
import { Welcome } from "./welcome";

const WIDE = 52;
const NARROW = 104;

function useNarrow(): boolean {
  const query = useMemo(() => matchMedia("(max-width: 52rem)"), []);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const look = () => setNarrow(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, [query]);
  return narrow;
}

function Filter({ fleet, wish }: { fleet: Fleet; wish: Wish }) {
  const { targets, up, degraded, down, unknown } = fleet.summary;
  const kinds: [Status | "", string, number][] = [
    ["", "all", targets], ["down", "down", down], ["degraded", "degraded", degraded], ["unknown", "unknown", unknown], ["up", "up", up],
  ];
  return (
    <div class="choice counts" role="group" aria-label={t("Status")}>
      {kinds.filter(([status, , count]) => status === "" || count > 0 || wish.status === status).map(([status, name, count]) => (
        <button key={status} type="button" class={status} aria-pressed={wish.status === status} onClick={() => router.set({ status })}>
          <b>{count}</b> {t(name)}
        </button>
      ))}
    </div>
  );
}

function Tools({ fleet, wish }: { fleet: Fleet; wish: Wish }) {
  const labels = useMemo(() => labelNames(fleet.targets), [live.shape]);
  return (
    <div class="tools">
      <h1>{t("Fleet")}</h1>
      <Filter fleet={fleet} wish={wish} />
      <span class="grow" />
      {labels.length > 0 && (
        <label class="field">{t("Group by")}
          <select value={wish.group} onChange={(event) => router.set({ group: event.currentTarget.value })}>
            <option value="">–</option>
            {labels.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
      )}
      <label class="field"><span class="unseen">{t("Search")}</span>
        <input type="search" data-search value={wish.search} placeholder={t("name, address or label=value")}
          onInput={(event) => router.set({ q: event.currentTarget.value })} />
      </label>
    </div>
  );
}

function Group({ item }: { item: Extract<Item, { kind: "group" }> }) {
  const wrong = item.rows.filter((row) => row.status !== "up").length;
  return (
    <li class="group-row">
      <h2>{item.name}</h2>
      <span class="dim">{plural(item.rows.length, "one host", "{n} hosts")}</span>
      {wrong > 0 && <span class="bad">{plural(wrong, "one not well", "{n} not well")}</span>}
    </li>
  );
}

/** What the columns are, for eyes; each row says it by itself to a screen reader. */
function Head() {
  return (
    <div class="fleet-head" aria-hidden="true">
      <span>{t("Host")}</span><span>{t("Status")}</span><span>{t("Checks")}</span><span>{t("CPU")}</span><span>{t("Memory")}</span><span>{t("Disk")}</span><span />
    </div>
  );
}

/** `more`: hosts that are still on their way; the list keeps room for them. */
function Hosts({ items, more, narrow }: { items: Item[]; more: number; narrow: boolean }) {
  const list = useRef<HTMLUListElement>(null);
  const { turn } = useHistory();
  const height = narrow ? NARROW : WIDE;
  const slice = useVirtual(list, items.length + more, height);
  return (
    <ul class="fleet" ref={list} aria-label={t("Fleet")}>
      {slice.before > 0 && <li class="space" aria-hidden="true" style={{ height: `${slice.before}px` }} />}
      {items.slice(slice.first, slice.last).map((item, index) => (item.kind === "group"
        ? <Group key={`group ${item.name}`} item={item} />
        : <Row key={item.row.name} row={item.row} place={slice.first + index + 1} count={items.length} turn={turn + slice.rests} language={language()} />))}
      {slice.after > 0 && <li class="space" aria-hidden="true" style={{ height: `${slice.after}px` }} />}
    </ul>
  );
}

/** Nothing but what `make run` begins with: this machine itself. */
function onlyQuickstart(fleet: Fleet): boolean {
  return fleet.targets.length === 0 || (fleet.targets.length === 1 && fleet.targets[0]?.name === "here");
}

export function FleetPage() {
  const { fleet, known, error } = useLive();
  const { query } = useRouter();
  const narrow = useNarrow();
  useEffect(() => {
    if (!known) {
      return undefined;
    }
    const read = () => { if (!document.hidden) void history.refresh(); };
    // After the rows themselves are drawn.
    const first = setTimeout(read, 100);
    const timer = setInterval(read, 60000);
    return () => { clearTimeout(first); clearInterval(timer); };
  }, [known]);
  const wish: Wish = { search: query.get("q") ?? "", status: query.get("status") ?? "", group: query.get("group") ?? "" };
  const whole = !live.partial;
  if (!fleet || (!whole && (wish.search || wish.status || wish.group))) {
    return <><h1 class="unseen">{t("Fleet")}</h1>{error ? <p class="problem">{error}</p> : <Loading />}</>;
  }
  const items = arrange(fleet.targets, wish);
  return (
    <>
      <Tools fleet={fleet} wish={wish} />
      {fleet.targets.length > 0 && <Head />}
      <Hosts items={items} more={whole ? 0 : fleet.summary.targets - fleet.targets.length} narrow={narrow} />
      {items.length === 0 && fleet.targets.length > 0 && <p class="hollow" role="status">{t("No host matches.")}</p>}
      {onlyQuickstart(fleet) && <Welcome none={fleet.targets.length === 0} />}
    </>
  );
}
