// Settings: the configuration as it is loaded, the channels with what they may still send, the daemon's own figures, its kinds.
import { useEffect, useState } from "preact/hooks";
import { api, send, type Channel, type DaemonStatus, type Settings } from "../../api";
import { bytes, decimal, moment, span } from "../../format";
import { useSession } from "../../session";
import { length, Loading, Problem, Section, useAnswer } from "../../ui/pieces";
import { plural, t } from "../../words";
import { KindLists } from "./kinds";

const figure = (value: unknown): string => (typeof value === "number" ? decimal(value, Number.isInteger(value) ? 0 : 1) : String(value ?? "–"));

function Daemon({ status }: { status: DaemonStatus }) {
  const self = status.self;
  const store = status.store;
  const cpu = Number(self["cpu_seconds"] ?? 0) / Math.max(1, status.uptime_seconds);
  const rows: [string, string][] = [
    [t("Version"), [status.version, status.revision.slice(0, 7)].filter(Boolean).join(" · ")], [t("Running for"), span(status.uptime_seconds)],
    [t("Repairs"), t(status.recovery_mode)], [t("Memory"), bytes(Number(self["resident_bytes"]))], [t("Processor"), `${decimal(cpu * 100, 2)} %`],
    [t("Open files"), figure(self["open_fds"])], [t("Connections"), figure(self["connections"])], [t("Pages open"), figure(self["event_clients"])],
    [t("Series"), figure(store["series"])], [t("Samples"), figure(store["samples_appended"])], [t("Store"), bytes(Number(store["bytes"]))],
    [t("Oldest sample"), moment(store["oldest"] as string | null)],
  ];
  return <dl class="figures">{rows.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}</dl>;
}

function Quota({ quota }: { quota: NonNullable<Channel["quota"]> }) {
  const used = decimal(quota.used);
  if (quota.limit === null) {
    return <p class="small">{t("{used} messages this month", { used })}</p>;
  }
  return (
    <>
      <p class="small">{t("{used} of {limit} messages this month", { used, limit: decimal(quota.limit) })}</p>
      <span class="track"><span class="fill" style={length(quota.used / Math.max(1, quota.limit))} /></span>
    </>
  );
}

function Channels({ channels }: { channels: Settings["channels"] }) {
  if (channels.length === 0) {
    return <p class="hollow">{t("No channel is configured: nobody is told.")}</p>;
  }
  return (
    <ul class="channels">
      {channels.map((channel) => (
        <li key={channel.name} class="card">
          <p><b>{channel.name}</b> <span class="dim">{channel.kind}</span></p>
          {channel.quota && <Quota quota={channel.quota} />}
          {channel.last && <p class="small dim">{t("last message {time}", { time: moment(channel.last) })}{channel.waiting ? ` · ${t("{n} waiting", { n: channel.waiting })}` : ""}</p>}
          {channel.last_error && <p class="small bad">{channel.last_error}</p>}
        </li>
      ))}
    </ul>
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Configuration({ settings }: { settings: Settings }) {
  const [search, setSearch] = useState("");
  const wanted = search.toLowerCase();
  const rows = settings.config.filter((row) => !wanted || row.path.toLowerCase().includes(wanted) || shown(row.value).toLowerCase().includes(wanted));
  return (
    <Section id="configuration" title={t("Configuration")} tools={
      <><span class="dim">{settings.file} · {t("loaded {time}", { time: moment(settings.loaded) })}</span><span class="grow" />
        <label class="field"><span class="unseen">{t("Search")}</span><input type="search" data-search placeholder={t("key or value")} value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></label></>}>
      <Problem text={settings.error} />
      <div class="config panel"><table>
        <thead class="unseen"><tr><th>{t("Key")}</th><th>{t("Value")}</th></tr></thead>
        <tbody>{rows.map((row, index) => <tr key={index}><th scope="row"><code>{row.path}</code></th><td><code class={row.value === "***" ? "dim" : ""}>{shown(row.value)}</code></td></tr>)}</tbody>
      </table></div>
    </Section>
  );
}

function Reload({ onDone }: { onDone: () => void }) {
  const [said, setSaid] = useState("");
  const [error, setError] = useState("");
  const reload = () => void send("POST", "/-/reload").then(() => { setSaid(t("Loaded.")); setError(""); onDone(); }, (problem: Error) => { setError(problem.message); setSaid(""); });
  return <><button type="button" onClick={reload}>{t("Load the configuration again")}</button><span role="status" class="good">{said}</span><Problem text={error} /></>;
}

export function SettingsPage() {
  const { operate, user, role } = useSession();
  const status = useAnswer(api.status, []);
  const settings = useAnswer(api.settings, []);
  const kinds = useAnswer(api.kinds, []);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) status.again(); }, 5000);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <div class="tools"><h1>{t("Settings")}</h1>{user && <span class="dim">{t("{user}, role {role}", { user, role: t(role) })}</span>}<span class="grow" />
        {operate && <Reload onDone={settings.again} />}</div>
      <Problem text={status.error || settings.error} />
      {!status.value && !status.error && <Loading />}
      {status.value && <Section id="daemon" title={t("The daemon")}><Daemon status={status.value} /><Problem text={status.value.config_error} /></Section>}
      {settings.value && <Section id="channels" title={t("Channels")} tools={<span class="dim">{plural(settings.value.channels.length, "one channel", "{n} channels")}</span>}><Channels channels={settings.value.channels} /></Section>}
      {settings.value && <Configuration settings={settings.value} />}
      {kinds.value && <Section id="kinds" title={t("What this Raksa can do")}><KindLists kinds={kinds.value} /></Section>}
    </>
  );
}
