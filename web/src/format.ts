// Numbers, units and times for people, in the page's language.
import type { Value } from "./api";
import { language, t } from "./words";

export function number(value: Value | undefined): number {
  return typeof value === "number" ? value : Number.NaN;
}

const locale = () => (language() === "th" ? "th-TH" : "en-GB");
const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numberFormat(digits: number): Intl.NumberFormat {
  const key = `${locale()} ${digits}`;
  let format = made.get(key) as Intl.NumberFormat | undefined;
  if (!format) {
    format = new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
    made.set(key, format);
  }
  return format;
}

function dateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  let format = made.get(key) as Intl.DateTimeFormat | undefined;
  if (!format) {
    format = new Intl.DateTimeFormat(locale(), { hour12: false, ...options });
    made.set(key, format);
  }
  return format;
}

/** A number with so many digits after the point. */
export function decimal(value: number, digits = 0): string {
  return Number.isFinite(value) ? numberFormat(digits).format(value) : "–";
}

function scaled(value: number, base: number, units: string[]): string {
  if (!Number.isFinite(value)) {
    return "–";
  }
  let at = 0;
  while (Math.abs(value) >= base && at < units.length - 1) {
    value /= base;
    at += 1;
  }
  const size = Math.abs(value);
  return `${decimal(value, at === 0 ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0)} ${units[at]}`;
}

export const bytes = (value: number): string => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
export const bits = (value: number): string => scaled(value, 1000, ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"]);

export function percent(value: number, digits = 1): string {
  return Number.isFinite(value) ? `${decimal(value, digits)} %` : "–";
}

/** Any number, short: for axes and tables of queries whose unit is not known. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "–" : value > 0 ? "+Inf" : "-Inf";
  }
  if (size >= 1e15 || (size > 0 && size < 1e-4)) {
    return value.toExponential(3);
  }
  const digits = Number.isInteger(value) ? 0 : size < 1 ? 4 : size < 100 ? 2 : 1;
  return decimal(value, digits);
}

/** A span of time, in its two largest units. */
export function span(seconds: number): string {
  if (seconds < 0.1) {
    return `${decimal(seconds * 1000, seconds < 0.01 ? 1 : 0)} ${t("ms")}`;
  }
  if (seconds < 10) {
    return `${decimal(seconds, seconds < 1 ? 2 : 1)} ${t("s")}`;
  }
  if (seconds < 60) {
    return `${Math.round(seconds)} ${t("s")}`;
  }
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small > 0 ? `${big} ${t(bigUnit)} ${small} ${t(smallUnit)}` : `${big} ${t(bigUnit)}`;
  if (seconds < 3600) {
    return two(Math.floor(seconds / 60), "min", Math.round(seconds % 60) % 60, "s");
  }
  if (seconds < 86400) {
    return two(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
  }
  return two(Math.floor(seconds / 86400), "d", Math.floor((seconds % 86400) / 3600), "h");
}

/** Date and time, to the second; "–" for never. */
export function moment(at: string | number | null | undefined): string {
  return at ? dateFormat({ dateStyle: "medium", timeStyle: "medium" }).format(new Date(at)) : "–";
}

/** Time of day when it is today, else date and time, to the minute. */
export function shortMoment(at: string | number | null | undefined): string {
  if (!at) {
    return "–";
  }
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return dateFormat(today ? { timeStyle: "medium" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(date);
}

export function day(at: string | number): string {
  return dateFormat({ dateStyle: "medium" }).format(new Date(at));
}

export function timeOfDay(at: string | number): string {
  return dateFormat({ timeStyle: "medium" }).format(new Date(at));
}

/** Time of day with milliseconds, for timelines. */
export function clock(rfc3339: string): string {
  const at = new Date(rfc3339);
  return `${dateFormat({ timeStyle: "medium" }).format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** How long ago, rounded: "3 min". */
export function ago(at: string | null, now = Date.now()): string {
  if (!at) {
    return "–";
  }
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  if (seconds < 60) {
    return `${Math.round(seconds)} ${t("s")}`;
  }
  if (seconds < 3600) {
    return `${Math.round(seconds / 60)} ${t("min")}`;
  }
  return seconds < 86400 ? `${Math.round(seconds / 3600)} ${t("h")}` : `${Math.round(seconds / 86400)} ${t("d")}`;
}
