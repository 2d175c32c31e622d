// Strip: the incidents of a span of time on its axis, each a link, above the graphs that shade them.
import type { IncidentBrief } from "../../api";
import { moment } from "../../format";
import { AXIS } from "../../ui/plot";
import { outcomeTone } from "../../ui/pieces";
import { t } from "../../words";

export function Strip({ incidents, start, end }: { incidents: IncidentBrief[]; start: number; end: number }) {
  const shown = incidents.filter((one) => Date.parse(one.opened) / 1000 < end && (!one.closed || Date.parse(one.closed) / 1000 > start));
  if (shown.length === 0) {
    return null;
  }
  const place = (at: number) => Math.max(0, Math.min(1, (at - start) / (end - start))) * 100;
  return (
    <div class="strip" role="group" aria-label={t("Incidents")}>
      <span class="name" style={{ width: `${AXIS}px` }}>{t("Incidents")}</span>
      <div class="axis">
        {shown.map((one) => {
          const from = place(Date.parse(one.opened) / 1000);
          const until = place((one.closed ? Date.parse(one.closed) : Date.now()) / 1000);
          return (
            <a key={one.id} href={`/incidents/${one.id}`} class={outcomeTone(one)} title={`${one.title} — ${moment(one.opened)}`}
              style={{ left: `${from}%`, width: `${Math.max(0, until - from)}%` }}><span class="unseen">{one.title}, {moment(one.opened)}</span></a>
          );
        })}
      </div>
    </div>
  );
}
