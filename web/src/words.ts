// The page's words. A key is the English text; thai.ts has the Thai, and what is missing there stays English.
import { thai } from "./thai";

let current: "en" | "th" = "en";

export function language(): "en" | "th" {
  return current;
}

export function setLanguage(next: "en" | "th"): void {
  current = next;
  localStorage.setItem("raksa-language", next);
  document.documentElement.lang = next;
}

export function startLanguage(): void {
  const kept = localStorage.getItem("raksa-language");
  current = kept === "th" || (kept === null && navigator.language.startsWith("th")) ? "th" : "en";
  document.documentElement.lang = current;
}

/** A text of the page in the chosen language, with `{name}` filled in. */
export function t(text: string, values: Record<string, string | number> = {}): string {
  const word = (current === "th" ? thai[text] : undefined) ?? text;
  return word.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** `one` for one and `other` for the rest, by the language's own rule; `{n}` is the number. */
export function plural(n: number, one: string, other: string): string {
  const form = new Intl.PluralRules(current).select(n);
  return t(form === "one" ? one : other, { n: n.toLocaleString(current === "th" ? "th-TH" : "en-GB") });
}
