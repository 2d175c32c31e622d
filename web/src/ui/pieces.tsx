// Pieces: the small parts that every page is made of.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { IncidentBrief } from "../api";
import { language, t } from "../words";

const ICONS: Record<string, string> = {
  fleet: "M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.01M6 13.5h.01",
  incidents: "M10 3l7.5 13.5h-15zM10 8v4M10 14.2h.01",
  alerts: "M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.5 17.5h3",
  silences: "M5 14V9a5 5 0 0 1 8.6-3.5M15 9v5l1.5 1.5H6.500M8.5 17.5h3M3 3l14 14",
  explore: "M3 16l4.500-6 3.500 3L17 4M3 3v14h14",
  settings: "M4 6h6M14 6h2M4 14h2M10 14h6M12 4v4M8 12v4",
  link: "M8 5H5v10h10v-3M11 4h5v5M16 4l-7 7",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  good: "M4 10.5l4 4 8-9",
  bad: "M5 5l10 10M15 5L5 15",
  warn: "M10 4v8M10 15.500h.01",
  unknown: "M7 7.500a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M10 15.500h.01",
  wait: "M10 3a7 7 0 1 0 .01 0M10 6v4l3 2",
  download: "M10 3v9M6 9l4 4 4-4M4 16.500h12",
  sun: "M10 6.500a3.500 3.500 0 1 0 .01 0M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1 1M14.700 14.700l1 1M4.300 15.700l1-1M14.700 5.300l1-1",
  moon: "M15.500 12A6.500 6.500 0 0 1 8 4.500a6.500 6.500 0 1 0 7.500 7.500z",
  system: "M3 4h14v9H3zM7 16.500h6M10 13v3.500",
  keys: "M2.500 5.500h15v9h-15zM5.500 8.500h.01M8.500 8.500h.01M11.500 8.500h.01M14.500 8.500h.01M6.500 11.700h7",
  out: "M8 4H4v12h4M11 6l4 4-4 4M15 10H7",
  person: "M10 3.500a3 3 0 1 0 .01 0M4 17c0-3.500 2.500-5.500 6-5.500s6 2 6 5.500",
  globe: "M10 2.500a7.500 7.500 0 1 0 .01 0M2.500 10h15M10 2.500c-5 5-5 10 0 15M10 2.500c5 5 5 10 0 15",
  shield: "M10 2.500l6.500 2.500v5c0 4-3 6.500-6.500 7.500-3.500-1-6.500-3.500-6.500-7.500V5z",
  box: "M10 2.500l7 3.800v7.400l-7 3.800-7-3.800V6.300zM3 6.300l7 3.800 7-3.800M10 10.100v7.400",
  engine: "M3 10h14M3 10l2-5h10l2 5v5H3zM6 12.700h.01M9 12.700h.01",
  server: "M4 3h12v14H4zM7 6.500h6M7 9.500h6M7 13.500h.01",
};

/** A drawn sign. It says nothing by itself: what it means stands beside it as text. */
export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d={ICONS[name] ?? ICONS["unknown"]} /></svg>
  );
}

export type Tone = "good" | "warn" | "bad" | "info" | "";

export function toneOf(status: string): Tone {
  switch (status) {
    case "up": case "fixed": case "healed by itself": case "resolved": case "active": return "good";
    case "degraded": case "pending": case "reported": case "awaiting approval": return "warn";
    case "down": case "firing": case "not fixed": case "made worse": case "fixed then recurred": case "needs human": return "bad";
    case "unknown": case "": case "expired": case "inactive": return "";
    default: return "info";
  }
}

/** A short state in a pill, said in words and in colour. */
export function Pill({ text, tone }: { text: string; tone?: Tone }) {
  return <span class={`pill ${tone ?? toneOf(text)}`}>{t(text)}</span>;
}

/** How an incident ended, or what it waits for now. */
export function standing(incident: IncidentBrief): string {
  return incident.closed ? incident.outcome || incident.state : incident.state;
}

export function outcomeTone(incident: IncidentBrief): Tone {
  return incident.closed ? toneOf(incident.outcome) : incident.state === "needs human" ? "bad" : incident.needs_approval ? "warn" : "info";
}

/** A cause's title in the page's language. */
export function causeTitle(of: { title?: string; title_th?: string; cause_title?: string; cause_title_th?: string }): string {
  const thai = of.title_th || of.cause_title_th;
  return (language() === "th" && thai) || (of.cause_title ?? of.title) || "";
}

/** `container:web-database` for people: kind and name. */
export function componentName(id: string): { kind: string; name: string } {
  const colon = id.indexOf(":");
  return colon < 0 ? { kind: id, name: id } : { kind: id.slice(0, colon), name: id.slice(colon + 1) };
}

export function Section({ id, title, tools, children }:
    { id: string; title: ComponentChildren; tools?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section aria-labelledby={id}>
      <div class="head"><h2 id={id}>{title}</h2>{tools}</div>
      {children}
    </section>
  );
}

export function Problem({ text }: { text: string }) {
  return text ? <p class="problem" role="alert">{text}</p> : null;
}

export function Empty({ icon, title, children }: { icon: string; title: string; children?: ComponentChildren }) {
  return <div class="empty"><Icon name={icon} /><p class="title">{title}</p>{children}</div>;
}

export function Loading() {
  return <p class="loading" aria-busy="true">{t("Loading…")}</p>;
}

/** One of a few, as a row of buttons. */
export function Choice<T extends string>({ label, value, options, onPick }:
    { label: string; value: T; options: [T, ComponentChildren][]; onPick: (value: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([one, text]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onPick(one)}>{text}</button>
      ))}
    </div>
  );
}

/** What a fetch gives, fetched again when `keys` change; `again` asks once more. The old value stays until the new one is there. */
export function useAnswer<T>(fetcher: () => Promise<T>, keys: unknown[]): { value: T | undefined; error: string; again: () => void } {
  const [state, setState] = useState<{ value: T | undefined; error: string }>({ value: undefined, error: "" });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    fetcher().then(
      (value) => { if (!gone) setState({ value, error: "" }); },
      (problem: Error) => { if (!gone) setState((was) => ({ value: was.value, error: problem.message })); },
    );
    return () => { gone = true; };
  }, [...keys, turn]);
  return { ...state, again: () => setTurn((n) => n + 1) };
}

/** An attribute of a bar's length as a fraction, set by script as the page's policy wants it. */
export function length(fraction: number): JSX.CSSProperties {
  return { width: `${Math.round(Math.max(0, Math.min(1, fraction)) * 1000) / 10}%` };
}
