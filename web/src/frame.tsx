// Frame: what stands around every page: navigation, what is wrong now, language, theme, who is logged in.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { health, useHealth } from "./health";
import { useLive } from "./live";
import { useRouter } from "./router";
import { useSession } from "./session";
import { keys } from "./shortcuts";
import { theme, useTheme, type Choice as ThemeChoice } from "./theme";
import { Icon } from "./ui/pieces";
import { language, plural, setLanguage, t } from "./words";

const PLACES: [string, string, string][] = [
  ["/", "Fleet", "fleet"], ["/incidents", "Incidents", "incidents"], ["/alerts", "Alerts", "alerts"], ["/silences", "Silences", "silences"],
  ["/explore", "Explore", "explore"], ["/settings", "Settings", "settings"],
];

function here(prefix: string, path: string): boolean {
  return prefix === "/" ? path === "/" || path.startsWith("/hosts/") : path === prefix || path.startsWith(`${prefix}/`);
}

function Navigation() {
  const { path } = useRouter();
  const { fleet } = useLive();
  const counts: Record<string, number> = { "/incidents": fleet?.summary.incidents ?? 0, "/alerts": fleet?.summary.alerts ?? 0 };
  return (
    <nav aria-label={t("Pages")}>
      {PLACES.map(([address, name, icon]) => (
        <a key={address} href={address} aria-current={here(address, path) ? "page" : undefined}>
          <Icon name={icon} /><span>{t(name)}</span>
          {(counts[address] ?? 0) > 0 && <b class="count">{counts[address]}</b>}
        </a>
      ))}
    </nav>
  );
}

const NEXT: Record<ThemeChoice, ThemeChoice> = { system: "light", light: "dark", dark: "system" };
const THEME: Record<ThemeChoice, [string, string]> = { system: ["system", "As the system"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

function Corner({ onLanguage }: { onLanguage: () => void }) {
  const { choice } = useTheme();
  const { user, cookie } = useSession();
  const live = useLive();
  const session = useSession();
  const other = language() === "en" ? "th" : "en";
  const [icon, name] = THEME[choice];
  return (
    <div class="corner">
      <p class={`link ${live.connected ? "good" : "bad"}`} role="status"><span class="dot" />{live.connected ? t("Connected") : t("Not connected")}</p>
      {cookie && user && <p class="user"><Icon name="person" /><span>{user}</span>
        <button type="button" class="iconic" title={t("Log out")} aria-label={t("Log out")} onClick={() => void session.logout()}><Icon name="out" /></button></p>}
      <div class="switches">
        <button type="button" lang={other} onClick={() => { setLanguage(other); onLanguage(); }}>{other === "th" ? "ไทย" : "English"}</button>
        <button type="button" class="iconic" title={`${t("Colours")}: ${t(name)}`} aria-label={`${t("Colours")}: ${t(name)}`} onClick={() => theme.choose(NEXT[choice])}><Icon name={icon} /></button>
        <button type="button" class="iconic" title={`${t("Keyboard")} (?)`} aria-label={t("Keyboard")} onClick={() => keys.show(true)}><Icon name="keys" /></button>
      </div>
    </div>
  );
}

/** One line: what is wrong now and what Raksa does about it. */
function Now() {
  const { fleet, connected, known, error } = useLive();
  if (!connected || !fleet) {
    return <p class={`now ${known || error ? "bad" : ""}`} role="status">{known || error ? t("Not connected. What you see may be old; connecting again…") : t("Connecting…")}</p>;
  }
  const { down, degraded, targets } = fleet.summary;
  const busy = fleet.targets.filter((row) => row.incident);
  const first = busy[0]?.incident;
  if (first) {
    return (
      <p class={`now ${busy.some((row) => row.incident?.state === "needs human") ? "bad" : "warn"}`} role="status">
        <a href={`/incidents/${first.id}`}>{first.title}</a> — {doing(first.state)}
        {busy.length > 1 && <> · <a href="/incidents?state=active">{plural(busy.length - 1, "and one more", "and {n} more")}</a></>}
      </p>
    );
  }
  if (down + degraded > 0) {
    const wrong = fleet.targets.filter((row) => row.status === "down" || row.status === "degraded").slice(0, 2);
    return (
      <p class="now bad" role="status">
        {plural(down + degraded, "One host is not well", "{n} hosts are not well")}: {wrong.map((row, index) => (
          <span key={row.name}>{index > 0 && ", "}<a href={`/hosts/${encodeURIComponent(row.name)}`}>{row.name}</a> {row.reason}</span>))}
      </p>
    );
  }
  return <p class="now good" role="status">{t("All is well")}<span class="dim"> · {plural(targets, "one host watched", "{n} hosts watched")}</span></p>;
}

/** What is wrong with Raksa itself; nothing while all is well. */
function Troubles() {
  const { troubles } = useHealth();
  useEffect(() => health.start(), []);
  return (
    <div role="alert">
      {troubles.map((one) => <p key={one.text} class="now bad trouble"><b>{one.text}</b> {one.detail}</p>)}
    </div>
  );
}

/** What Raksa is doing, as a sentence. */
function doing(state: string): string {
  switch (state) {
    case "open": case "confirming": return t("Raksa is confirming it");
    case "diagnosing": return t("Raksa is looking for the cause");
    case "planned": return t("Raksa knows the cause and prepares the repair");
    case "awaiting approval": return t("Raksa waits for your approval");
    case "acting": return t("Raksa is repairing it");
    case "settling": case "verifying": return t("Raksa proves from outside that it works again");
    case "holding": return t("Repaired; Raksa watches that it stays so");
    case "needs human": return t("Raksa cannot repair this; a person is needed");
    default: return t(state);
  }
}

export function Frame({ children, onLanguage }: { children: ComponentChildren; onLanguage: () => void }) {
  return (
    <div class="frame">
      <a class="skip" href="#main">{t("Skip to the content")}</a>
      <header>
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="26" height="26" /><b>Raksa</b></a>
        <Navigation />
        <Corner onLanguage={onLanguage} />
      </header>
      <div class="body">
        <Now />
        <Troubles />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
    </div>
  );
}
