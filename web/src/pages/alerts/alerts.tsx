// Alerts: what fires, waits, is silenced or swallowed, and the rules with their query and state.
import { useEffect } from "preact/hooks";
import { api, type Alert, type Rule, type RuleGroup } from "../../api";
import { moment, number, plain, shortMoment, span } from "../../format";
import { live } from "../../live";
import { router, useRouter } from "../../router";
import { Choice, Empty, Loading, Pill, Problem, Section, useAnswer, type Tone } from "../../ui/pieces";
import { plural, t } from "../../words";

const KINDS: [string, string][] = [["", "all"], ["firing", "firing"], ["pending", "pending"], ["silenced", "silenced"], ["inhibited", "swallowed"]];
const TONE: Record<string, Tone> = { firing: "bad", pending: "warn", silenced: "info", inhibited: "info", resolved: "good", inactive: "good" };

function Labels({ labels, without }: { labels: Record<string, string>; without: string[] }) {
  return <>{Object.entries(labels).filter(([name]) => !without.includes(name)).map(([name, value]) => <span key={name}><span class="label" title={`${name}=${value}`}>{name}={value}</span> </span>)}</>;
}

/** Why an alert is not told: who silenced it, or what it follows from. */
function why(alert: Alert): string {
  if (alert.state === "silenced" && alert.silenced_by) {
    return t("by silence {id}", { id: alert.silenced_by });
  }
  if (alert.state === "inhibited" && alert.inhibited_by) {
    return t("follows from {what}", { what: alert.inhibited_by });
  }
  return alert.reason ?? "";
}

function AlertRow({ alert }: { alert: Alert }) {
  const target = alert.labels["target"] ?? "";
  const silence = new URLSearchParams({ new: "1", alertname: alert.name, ...(target ? { target } : {}) });
  return (
    <tr>
      <td data-label={t("State")}><Pill text={alert.state} tone={TONE[alert.state] ?? ""} /> {alert.flapping && <Pill text="flapping" tone="warn" />}</td>
      <td data-label={t("Alert")}><span><b>{alert.name}</b> {target && <a href={`/hosts/${encodeURIComponent(target)}`} data-row>{target}</a>}
        {alert.annotations["summary"] && <><br /><span>{alert.annotations["summary"]}</span></>}{why(alert) && <span class="dim"> — {why(alert)}</span>}
        <br /><Labels labels={alert.labels} without={["alertname", "target", "severity", "url"]} /></span></td>
      <td data-label={t("Severity")}>{t(alert.severity)}</td>
      <td class="number" data-label={t("Value")}>{plain(number(alert.value))}</td>
      <td class="when" data-label={t("Since")}>{shortMoment(alert.starts_at)}</td>
      <td data-label=""><a class="button" href={`/silences?${silence.toString()}`}>{t("Silence")}</a></td>
    </tr>
  );
}

function AlertTable({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) {
    return <Empty icon="good" title={t("No alert.")} />;
  }
  return (
    <table class="rows alerts">
      <thead><tr><th>{t("State")}</th><th>{t("Alert")}</th><th>{t("Severity")}</th><th class="number">{t("Value")}</th><th>{t("Since")}</th><th><span class="unseen">{t("Silence")}</span></th></tr></thead>
      <tbody>{alerts.map((alert) => <AlertRow key={alert.fingerprint + alert.starts_at} alert={alert} />)}</tbody>
    </table>
  );
}

function RuleItem({ rule }: { rule: Rule }) {
  const state = rule.type === "recording" ? "recording" : (rule.state ?? "inactive");
  return (
    <li class="rule-row">
      <Pill text={rule.health === "err" ? "failed" : state} tone={rule.health === "err" ? "bad" : (TONE[state] ?? "")} />
      <b>{rule.name}</b>
      <a class="query" href={`/explore?${new URLSearchParams({ q: rule.query }).toString()}`}><code>{rule.query}</code></a>
      <span class="dim small" title={moment(rule.lastEvaluation)}>{rule.duration ? `${t("for")} ${span(rule.duration)} · ` : ""}{Date.parse(rule.lastEvaluation) > 0 ? shortMoment(rule.lastEvaluation) : t("not yet evaluated")}
        {" · "}{span(rule.evaluationTime)}</span>
      {rule.lastError && <p class="problem">{rule.lastError}</p>}
    </li>
  );
}

function Rules({ groups }: { groups: RuleGroup[] }) {
  return (
    <>
      {groups.map((group) => (
        <div key={group.file + group.name} class="rule-group">
          <h3>{group.name} <span class="dim small">{t("every {span}", { span: span(group.interval) })} · {group.file}</span></h3>
          <ul class="panel">{group.rules.map((rule, index) => <RuleItem key={index} rule={rule} />)}</ul>
        </div>
      ))}
    </>
  );
}

export function AlertsPage() {
  const { query } = useRouter();
  const wish = query.get("state") ?? "";
  const alerts = useAnswer(api.alerts, []);
  const rules = useAnswer(api.rules, []);
  useEffect(() => {
    let timer = 0;
    const stop = live.onAlert(() => {
      clearTimeout(timer);
      timer = window.setTimeout(() => { alerts.again(); rules.again(); }, 200);
    });
    const slow = setInterval(() => { if (!document.hidden) rules.again(); }, 15000);
    return () => { stop(); clearTimeout(timer); clearInterval(slow); };
  }, []);
  const all = alerts.value ?? [];
  const shown = all.filter((alert) => (wish ? alert.state === wish : alert.state !== "resolved"));
  return (
    <>
      <div class="tools">
        <h1>{t("Alerts")}</h1>
        <Choice label={t("State")} value={wish} onPick={(state) => router.set({ state })}
          options={KINDS.map(([kind, name]) => [kind, `${t(name)} ${kind ? all.filter((alert) => alert.state === kind).length : ""}`])} />
        <span class="grow" />
        <a href="/silences">{t("Silences and maintenance")}</a>
      </div>
      <Problem text={alerts.error || rules.error} />
      {alerts.value ? <AlertTable alerts={shown} /> : <Loading />}
      <Section id="rules" title={t("Rules")} tools={rules.value && <span class="dim">{plural(rules.value.reduce((sum, group) => sum + group.rules.length, 0), "one rule", "{n} rules")}</span>}>
        {rules.value && rules.value.length > 0 ? <Rules groups={rules.value} /> : <p class="hollow">{rules.value ? t("No rule is configured.") : ""}</p>}
      </Section>
    </>
  );
}
