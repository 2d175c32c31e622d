// Numbers, units and times for people, in the page's language.
import type { Value } from "./api";
import { language } from "./words";

export function number(value: Value | undefined): number {
  return typeof value === "number" ? value : Number.NaN;
}

const locale = () => (language() === "th" ? "th-TH" : "en-GB");

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return Number.isFinite(value) ? `${value.toFixed(value < 10 && at > 0 ? 2 : value < 100 && at > 0 ? 1 : 0)} ${units[at]}` : "–";
}

export function bits(value: number): string {
  const units = ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"];
  let at = 0;
  while (Math.abs(value) >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return Number.isFinite(value) ? `${value.toFixed(value < 10 && at > 0 ? 2 : value < 100 ? 1 : 0)} ${units[at]}` : "–";
}

export function percent(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)} %` : "–";
}

export function span(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  }
  if (seconds < 60) {
    return `${Math.round(seconds)} s`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  }
  if (seconds < 86400) {
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  }
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** Date and time, to the second. */
export function moment(rfc3339: string | null): string {
  return rfc3339 ? new Date(rfc3339).toLocaleString(locale(), { dateStyle: "short", timeStyle: "medium" }) : "–";
}

/** Time of day with milliseconds, for timelines. */
export function clock(rfc3339: string): string {
  const at = new Date(rfc3339);
  const two = (n: number, width = 2) => String(n).padStart(width, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
}
