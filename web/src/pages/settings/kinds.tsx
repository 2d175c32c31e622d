// Kinds: what this build can probe, examine, repair and send, each with its options and its own page.
import { useState } from "preact/hooks";
import { api, type CauseSpec, type Kind, type Kinds } from "../../api";
import { Pill } from "../../ui/pieces";
import { language, plural, t } from "../../words";
import { Markdown } from "./markdown";

function Causes({ causes }: { causes: CauseSpec[] }) {
  return (
    <table class="rows">
      <thead><tr><th>{t("Cause")}</th><th>{t("Class")}</th><th>{t("Found by")}</th><th>{t("Remedy")}</th></tr></thead>
      <tbody>{causes.map((cause) => (
        <tr key={cause.id}><td data-label={t("Cause")}>{(language() === "th" && cause.title_th) || cause.title}</td>
          <td data-label={t("Class")}><Pill text={cause.class} tone={cause.class === "repair" ? "good" : ""} /></td>
          <td data-label={t("Found by")}>{cause.detected_by}</td><td data-label={t("Remedy")}>{cause.remedy ? <code>{cause.remedy}</code> : "–"}</td></tr>
      ))}</tbody>
    </table>
  );
}

function Options({ kind }: { kind: Kind }) {
  if (kind.options.length === 0) {
    return null;
  }
  return (
    <table class="rows">
      <thead><tr><th>{t("Option")}</th><th>{t("Type")}</th><th>{t("Default")}</th><th>{t("What it does")}</th></tr></thead>
      <tbody>{kind.options.map((one) => (
        <tr key={one.name}><td data-label={t("Option")}><code>{one.name}</code></td><td data-label={t("Type")}>{one.type}</td>
          <td data-label={t("Default")}>{one.required ? t("required") : one.default || "–"}</td><td data-label={t("What it does")}>{one.help}</td></tr>
      ))}</tbody>
    </table>
  );
}

function KindItem({ room, kind }: { room: string; kind: Kind }) {
  const [text, setText] = useState<string | null>(null);
  const open = () => {
    if (text === null) {
      setText("");
      void api.readme(room, kind.name).then((answer) => setText(answer?.markdown ?? ""), () => {});
    }
  };
  return (
    <li class="card">
      <details onToggle={(event) => { if (event.currentTarget.open) open(); }}>
        <summary><b>{kind.name}</b> <span class="dim">{kind.title}{kind.causes && kind.causes.length > 0 ? ` · ${plural(kind.causes.length, "one cause", "{n} causes")}` : ""}</span></summary>
        <Options kind={kind} />
        {kind.causes && kind.causes.length > 0 && <Causes causes={kind.causes} />}
        {text && <Markdown text={text} />}
      </details>
    </li>
  );
}

export function KindLists({ kinds }: { kinds: Kinds }) {
  const lists: [string, string, Kind[]][] = [
    ["probe", "Probes", kinds.probes], ["component", "Components", kinds.components], ["step", "Repair steps", kinds.steps],
    ["channel", "Channels", kinds.channels],
  ];
  return <>{lists.map(([room, name, list]) => <div key={name} class="kinds"><h3>{t(name)}</h3><ul class="cards">{list.map((kind) => <KindItem key={kind.name} room={room} kind={kind} />)}</ul></div>)}</>;
}
