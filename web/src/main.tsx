// The page: starts what it stands on and draws the page that the address names, in its frame.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Frame } from "./frame";
import { lazy } from "./lazy";
import { live } from "./live";
import { FleetPage } from "./pages/fleet/fleet";
import { LoginPage } from "./pages/login/login";
import { router, useRouter } from "./router";
import { session, useSession } from "./session";
import { KeyList, keys } from "./shortcuts";
import { theme } from "./theme";
import { Empty } from "./ui/pieces";
import { startLanguage, t } from "./words";

const HostPage = lazy(async () => (await import("./pages/host/host")).HostPage);
const IncidentsPage = lazy(async () => (await import("./pages/incidents/incidents")).IncidentsPage);
const IncidentPage = lazy(async () => (await import("./pages/incident/incident")).IncidentPage);
const AlertsPage = lazy(async () => (await import("./pages/alerts/alerts")).AlertsPage);
const SilencesPage = lazy(async () => (await import("./pages/silences/silences")).SilencesPage);
const ExplorePage = lazy(async () => (await import("./pages/explore/explore")).ExplorePage);
const SettingsPage = lazy(async () => (await import("./pages/settings/settings")).SettingsPage);

/** Parts of the path; one that is not well encoded stays as it is. */
function parts(path: string): string[] {
  return path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

function Page({ path }: { path: string }) {
  const [place, name] = parts(path);
  switch (place) {
    case undefined: return <FleetPage />;
    case "hosts": return name ? <HostPage key={name} name={name} /> : <FleetPage />;
    case "incidents": return name ? <IncidentPage key={name} id={name} /> : <IncidentsPage />;
    case "alerts": return <AlertsPage />;
    case "silences": return <SilencesPage />;
    case "explore": return <ExplorePage />;
    case "settings": return <SettingsPage />;
    default: return <><h1>{t("There is no such page")}</h1><Empty icon="unknown" title={path}><a href="/">{t("Fleet")}</a></Empty></>;
  }
}

const TITLES: Record<string, string> = {
  incidents: "Incidents", alerts: "Alerts", silences: "Silences", explore: "Explore", settings: "Settings",
};

function title(path: string): string {
  const [place, name] = parts(path);
  return [place === "hosts" || name ? name : t(TITLES[place ?? ""] ?? "Fleet"), "Raksa"].filter(Boolean).join(" · ");
}

/** After a step to another page its content is where a keyboard and a screen reader go on. */
function useArrival(path: string): void {
  const before = useRef(path);
  useEffect(() => {
    document.title = title(path);
    if (before.current !== path) {
      before.current = path;
      document.getElementById("main")?.focus({ preventScroll: true });
    }
  }, [path]);
}

function App() {
  const { path } = useRouter();
  const { locked } = useSession();
  const [turn, redraw] = useState(0);
  useArrival(path);
  useEffect(() => {
    if (locked) {
      live.stop();
    } else {
      live.start();
      return () => live.stop();
    }
    return undefined;
  }, [locked]);
  if (locked) {
    return <LoginPage onLanguage={() => redraw((n) => n + 1)} />;
  }
  return <><Frame key={turn} onLanguage={() => redraw((n) => n + 1)}><Page path={path} /></Frame><KeyList /></>;
}

startLanguage();
theme.start();
router.start();
keys.start();
void session.start();
render(<App />, document.getElementById("app") as HTMLElement);
// The other pages' code comes when this one is shown and nothing else is to be done.
const rest = live.subscribe(() => {
  if (live.connected) {
    rest();
    (window.requestIdleCallback ?? ((later: () => void) => setTimeout(later, 2000)))(() =>
      [HostPage, IncidentsPage, IncidentPage, AlertsPage, SilencesPage, ExplorePage, SettingsPage].forEach((page) => page.fetch()), { timeout: 5000 });
  }
});
