// Picker: which span of time the graphs of a page show.
import { useState } from "preact/hooks";
import { moment } from "../format";
import { router } from "../router";
import { t } from "../words";
import { bounds, RANGES, showLast, showSpan, type Window } from "../window";
import { Choice, Icon } from "./pieces";

/** A moment as the browser's own field for date and time wants it: local, to the minute. */
function field(seconds: number): string {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function Span({ window, onDone }: { window: Window; onDone: () => void }) {
  const { start, end } = bounds(window);
  const [from, setFrom] = useState(field(start));
  const [until, setUntil] = useState(field(end));
  const show = (event: Event) => {
    event.preventDefault();
    showSpan(Date.parse(from) / 1000, Date.parse(until) / 1000);
    onDone();
  };
  return (
    <form class="span" onSubmit={show}>
      <label>{t("from")} <input type="datetime-local" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
      <label>{t("until")} <input type="datetime-local" required value={until} onInput={(event) => setUntil(event.currentTarget.value)} /></label>
      <button type="submit" class="primary">{t("Show")}</button>
    </form>
  );
}

export function Picker({ window, usual = "1h" }: { window: Window; usual?: string }) {
  const [open, setOpen] = useState(false);
  const fixed = window.from !== null;
  const { start, end } = bounds(window);
  const move = (direction: number) => showSpan(start + direction * (window.seconds / 2), end + direction * (window.seconds / 2));
  const current = fixed ? "" : (router.query.get("range") ?? usual);
  return (
    <div class="picker">
      {fixed && <span class="fixed">{moment(start * 1000)} – {moment(end * 1000)}</span>}
      <button type="button" class="iconic" title={t("Earlier")} aria-label={t("Earlier")} onClick={() => move(-1)}><Icon name="back" /></button>
      {fixed && <button type="button" class="iconic" title={t("Later")} aria-label={t("Later")} onClick={() => move(1)}><Icon name="next" /></button>}
      <Choice label={t("Time")} value={current} options={RANGES.map(([name]) => [name, name])} onPick={(name) => { setOpen(false); showLast(name); }} />
      <button type="button" aria-expanded={open} class="iconic" title={t("From … until …")} aria-label={t("From … until …")} onClick={() => setOpen(!open)}><Icon name="wait" /></button>
      {open && <Span window={window} onDone={() => setOpen(false)} />}
    </div>
  );
}
