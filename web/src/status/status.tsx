// The public status page: chosen applications, 90 days of availability, what happened. It knows of no host.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api";
import { day, decimal, moment } from "../format";
import { theme } from "../theme";
import { language, setLanguage, startLanguage, t } from "../words";

type State = "up" | "degraded" | "down" | "unknown";
interface Day { day: string; availability: number | null }
interface Happened { from: string; until: string | null; kind?: string; repaired?: boolean; sentence: string }
interface Application { name: string; state: State; description?: string; days: Day[]; incidents: Happened[] }
interface Answer { title: string; updated: string; applications: Application[] }

const AGAIN = 30000;
const NOW: Record<State, string> = { up: "Works", degraded: "Works in part", down: "Does not work", unknown: "Not known yet" };
const ALL: Record<State, string> = { up: "Everything works", degraded: "Some of it works only in part", down: "Some of it does not work", unknown: "Not known yet" };

function worst(applications: Application[]): State {
  const order: State[] = ["down", "degraded", "unknown", "up"];
  return order.find((state) => applications.some((one) => one.state === state)) ?? "unknown";
}

/** The daemon's sentence; in Thai made from what the daemon says of its kind. */
function told(application: Application, one: Happened): string {
  if (language() !== "th" || !one.kind) {
    return one.sentence;
  }
  const what = one.kind === "unreachable" ? t("{name} could not be reached", { name: application.name }) : t("{name} answered with errors", { name: application.name });
  return one.repaired ? `${what} ${t("and was repaired automatically")}` : what;
}

function kind(availability: number | null): string {
  return availability === null ? "" : availability >= 0.9995 ? "full" : availability >= 0.98 ? "some" : "poor";
}

/** So many digits that less than everything never looks like everything. */
function share(availability: number): string {
  const percent = Math.floor(availability * 100000) / 1000;
  return `${decimal(percent, percent === 100 ? 0 : percent > 99 ? 2 : 1)} %`;
}

function Days({ days }: { days: Day[] }) {
  const known = days.filter((one) => one.availability !== null);
  const mean = known.reduce((sum, one) => sum + (one.availability ?? 0), 0) / Math.max(1, known.length);
  const text = (one: Day) => `${day(one.day)}: ${one.availability === null ? t("no data") : share(one.availability)}`;
  return (
    <>
      <div class="days" role="img" aria-label={t("Availability of {n} days: {share}", { n: known.length, share: known.length ? share(mean) : "–" })}>
        {days.map((one) => <span key={one.day} class={kind(one.availability)} title={text(one)} />)}
      </div>
      <p class="scale"><span>{days[0] ? day(days[0].day) : ""}</span><span>{known.length ? share(mean) : t("no data")}</span><span>{t("today")}</span></p>
    </>
  );
}

function Part({ application }: { application: Application }) {
  return (
    <article class="application">
      <div class="top"><h2>{application.name}</h2>{application.description && <span class="dim">{application.description}</span>}
        <span class={`now ${application.state}`}>{t(NOW[application.state])}</span></div>
      <Days days={application.days} />
      {application.incidents.length > 0 && (
        <ul class="happened">
          {application.incidents.map((one, index) => (
            <li key={index} class={one.until ? "" : "open"}><p>{told(application, one)}</p><p class="dim small">{moment(one.from)} – {one.until ? moment(one.until) : t("now")}</p></li>
          ))}
        </ul>
      )}
    </article>
  );
}

function Status() {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState("");
  const [, redraw] = useState(0);
  useEffect(() => {
    const read = () => void ask("/api/v1/public/status").then((next) => { setAnswer(next as Answer); setError(""); document.title = (next as Answer).title; },
      (problem: Error) => setError(problem.message));
    read();
    const timer = setInterval(() => { if (!document.hidden) read(); }, AGAIN);
    return () => clearInterval(timer);
  }, []);
  const other = language() === "en" ? "th" : "en";
  const state = worst(answer?.applications ?? []);
  return (
    <main class="status">
      <header><h1>{answer?.title ?? t("Status")}</h1>
        <button type="button" lang={other} onClick={() => { setLanguage(other); redraw((n) => n + 1); }}>{other === "th" ? "ไทย" : "English"}</button></header>
      {error && <p class="overall down" role="status">{answer ? t("Not connected. What you see may be old; connecting again…") : error}</p>}
      {answer && !error && <p class={`overall ${state}`} role="status"><span class="dot" />{t(ALL[state])}</p>}
      {answer?.applications.map((one) => <Part key={one.name} application={one} />)}
      {answer && <footer>{t("As of {time}", { time: moment(answer.updated) })}</footer>}
    </main>
  );
}

startLanguage();
theme.start();
render(<Status />, document.getElementById("app") as HTMLElement);
