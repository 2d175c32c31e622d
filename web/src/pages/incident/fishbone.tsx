// Fishbone: every cause that the catalogue knows, by component along the request's path; the verdict lit, the others excluded by
// what was found there.
import type { CauseSpec, Finding, Incident, Kinds } from "../../api";
import { causeTitle, componentName, Icon, Section } from "../../ui/pieces";
import { language, plural, t } from "../../words";

type Mark = "verdict" | "follows" | "excluded" | "unknown";
interface Cause { id: string; title: string; mark: Mark; why: string }
interface Bone { component: string; finding: Finding | null; causes: Cause[]; state: "well" | "broken" | "follows" | "unknown" }

function specTitle(spec: CauseSpec): string {
  return (language() === "th" && spec.title_th) || spec.title;
}

function markOf(incident: Incident, finding: Finding, spec: CauseSpec): Mark {
  if (finding.cause === "not-examined") {
    return "unknown";
  }
  if (finding.cause !== spec.id) {
    return "excluded";
  }
  return finding.component === incident.component && incident.cause === spec.id ? "verdict" : "follows";
}

/** One bone: a component that was looked at, with the causes that its kind can have. */
function boneOf(incident: Incident, finding: Finding, kinds: Kinds | undefined): Bone {
  const kind = kinds?.components.find((one) => one.name === componentName(finding.component).kind);
  const known = kind?.causes ?? [];
  const causes: Cause[] = known.map((spec) => ({
    id: spec.id, title: specTitle(spec), mark: markOf(incident, finding, spec),
    why: finding.cause === spec.id ? finding.evidence || finding.state : spec.detected_by,
  }));
  if (finding.cause && finding.cause !== "not-examined" && !known.some((spec) => spec.id === finding.cause)) {
    const mark = finding.component === incident.component && finding.cause === incident.cause ? "verdict" : "follows";
    causes.push({ id: finding.cause, title: causeTitle(finding), mark, why: finding.evidence || finding.state });
  }
  const order: Mark[] = ["verdict", "follows", "unknown", "excluded"];
  causes.sort((a, b) => order.indexOf(a.mark) - order.indexOf(b.mark));
  const lit = causes[0]?.mark;
  const state = finding.cause === "" ? "well" : lit === "verdict" ? "broken" : lit === "follows" ? "follows" : "unknown";
  return { component: finding.component, finding, causes, state };
}

const SIGN = { well: "good", broken: "bad", follows: "warn", unknown: "unknown" };

function Ribs({ causes }: { causes: Cause[] }) {
  const lit = causes.filter((cause) => cause.mark !== "excluded");
  const excluded = causes.filter((cause) => cause.mark === "excluded");
  return (
    <>
      {lit.length > 0 && <ul class="ribs">{lit.map((cause) => <li key={cause.id} class={cause.mark}><b>{cause.title}</b><span class="why">{cause.why}</span></li>)}</ul>}
      {excluded.length > 0 && (
        <details class="out">
          <summary>{plural(excluded.length, "one cause excluded", "{n} causes excluded")}</summary>
          <ul class="ribs">{excluded.map((cause) => <li key={cause.id} class="excluded" title={cause.why}><s>{cause.title}</s></li>)}</ul>
        </details>
      )}
    </>
  );
}

export function Fishbone({ incident, kinds }: { incident: Incident; kinds: Kinds | undefined }) {
  const bones = incident.findings.map((finding) => boneOf(incident, finding, kinds));
  if (bones.length === 0) {
    return null;
  }
  return (
    <Section id="causes" title={t("Causes")} tools={<span class="dim">{t("Along the request's path; the verdict is lit, the rest excluded by what was found")}</span>}>
      <div class="fishbone">
        <ol>
          {bones.map((bone, index) => {
            const { name } = componentName(bone.component);
            return (
              <li key={index} class={`bone ${bone.state}`}>
                <p class="joint"><Icon name={SIGN[bone.state]} /><b>{name}</b></p>
                <p class="found">{bone.finding?.state || (bone.state === "well" ? t("component is well") : "")}
                  {bone.finding?.consequence_of && <span class="dim"> {t("consequence of {component}", { component: componentName(bone.finding.consequence_of).name })}</span>}</p>
                <Ribs causes={bone.causes} />
              </li>
            );
          })}
        </ol>
        <p class="effect"><Icon name="incidents" /><b>{incident.title.replace(`${incident.target}: `, "")}</b></p>
      </div>
    </Section>
  );
}
