// Window: the span of time that graphs show, kept in the address: the last N seconds, or from one moment to another.
import { router } from "./router";

export interface Window { seconds: number; from: number | null; until: number | null }

export const RANGES: [string, number][] = [
  ["15m", 900], ["1h", 3600], ["6h", 21600], ["24h", 86400], ["7d", 604800], ["30d", 2592000],
];

/** The window that the address names; one hour when it names none. */
export function readWindow(query: URLSearchParams, usual = 3600): Window {
  const from = Number(query.get("from"));
  const until = Number(query.get("until"));
  if (from > 0 && until > from) {
    return { seconds: until - from, from, until };
  }
  const named = RANGES.find(([name]) => name === query.get("range"));
  return { seconds: named?.[1] ?? usual, from: null, until: null };
}

/** Start and end now, in whole seconds. */
export function bounds(window: Window): { start: number; end: number } {
  const end = window.until ?? Math.floor(Date.now() / 1000);
  return { start: window.from ?? end - window.seconds, end };
}

export function showLast(name: string): void {
  router.set({ range: name, from: "", until: "" });
}

/** Zooms to a span; the browser's back button zooms out again. */
export function showSpan(from: number, until: number): void {
  const start = Math.floor(from);
  router.set({ range: "", from: `${start}`, until: `${Math.max(start + 10, Math.ceil(until))}` }, false);
}
