// The page's frame: header with what is wrong now, navigation, and the page that the address names.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./style.css";
import { live, useLive } from "./live";
import { FleetPage } from "./pages/fleet/fleet";
import { HostPage } from "./pages/host/host";
import { IncidentPage } from "./pages/incidents/incident";
import { IncidentsPage } from "./pages/incidents/incidents";
import { language, setLanguage, startLanguage, t } from "./words";

/** The path of the address, kept as state; links with data-link change it without loading. */
function usePath(): string {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    const click = (event: MouseEvent) => {
      const link = (event.target as Element).closest("a");
      if (!link || link.target || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== location.origin) {
        return;
      }
      event.preventDefault();
      history.pushState(null, "", link.pathname + link.search);
      moved();
      window.scrollTo(0, 0);
    };
    window.addEventListener("popstate", moved);
    document.addEventListener("click", click);
    return () => {
      window.removeEventListener("popstate", moved);
      document.removeEventListener("click", click);
    };
  }, []);
  return path;
}

/** One line: what is wrong now and what Raksa does about it. */
function Now() {
  const { fleet, connected } = useLive();
  if (!connected || !fleet) {
    return <p class="now bad" role="status">{t("Not connected")}</p>;
  }
  const troubles = fleet.targets.filter((target) => target.incident);
  const wrong = fleet.targets.filter((target) => target.status === "down" || target.status === "degraded");
  if (troubles.length > 0) {
    const first = troubles[0]?.incident;
    return (
      <p class="now warn" role="status">
        {first && <a href={`/incidents/${first.id}`}>{first.title}: {t(first.state)}</a>}
        {troubles.length > 1 && ` +${troubles.length - 1}`}
      </p>
    );
  }
  if (wrong.length > 0) {
    return <p class="now bad" role="status">{wrong.map((target) => `${target.name}: ${target.reason || t(target.status)}`).slice(0, 3).join(" · ")}</p>;
  }
  return <p class="now good" role="status">{t("All is well")}</p>;
}

function Page({ path }: { path: string }) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  if (parts[0] === "hosts" && parts[1]) {
    return <HostPage key={parts[1]} name={parts[1]} />;
  }
  if (parts[0] === "incidents") {
    return parts[1] ? <IncidentPage key={parts[1]} id={parts[1]} /> : <IncidentsPage />;
  }
  return <FleetPage />;
}

function Frame() {
  const path = usePath();
  const [, redraw] = useState(0);
  const other = language() === "en" ? "th" : "en";
  const here = (prefix: string) => (path === prefix || (prefix !== "/" && path.startsWith(prefix)) ? "page" : undefined);
  return (
    <>
      <header>
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="24" height="24" /> Raksa</a>
        <nav aria-label="Raksa">
          <a href="/" aria-current={here("/")}>{t("Fleet")}</a>
          <a href="/incidents" aria-current={here("/incidents")}>{t("Incidents")}</a>
        </nav>
        <Now />
        <button type="button" class="language" lang={other} onClick={() => { setLanguage(other); redraw((n) => n + 1); }}>
          {other === "th" ? "ไทย" : "English"}
        </button>
      </header>
      <main><Page path={path} /></main>
    </>
  );
}

startLanguage();
live.start();
render(<Frame />, document.getElementById("app") as HTMLElement);
