// Shortcuts: the keys that do something anywhere, and the list of them behind `?`. They can be switched off.
import { useEffect, useRef } from "preact/hooks";
import { router } from "./router";
import { Store, useStore } from "./store";
import { Icon } from "./ui/pieces";
import { t } from "./words";

const PLACES: Record<string, string> = { f: "/", i: "/incidents", a: "/alerts", s: "/silences", e: "/explore", t: "/settings" };
const LIST: [string, string][] = [
  ["?", "this list"], ["/", "search"], ["j  k", "next and previous row"], ["Enter", "open the row"],
  ["g f", "Fleet"], ["g i", "Incidents"], ["g a", "Alerts"], ["g s", "Silences"], ["g e", "Explore"], ["g t", "Settings"],
];

class Keys extends Store {
  open = false;
  on = localStorage.getItem("raksa-keys") !== "off";
  private going = 0;

  start(): void {
    document.addEventListener("keydown", (event) => this.press(event));
  }

  show(open: boolean): void {
    this.open = open;
    this.changed();
  }

  turn(on: boolean): void {
    this.on = on;
    localStorage.setItem("raksa-keys", on ? "on" : "off");
    this.changed();
  }

  private press(event: KeyboardEvent): void {
    const at = event.target as HTMLElement;
    if (!this.on || event.ctrlKey || event.metaKey || event.altKey || at.closest?.("input, textarea, select, dialog, [contenteditable]")) {
      return;
    }
    const going = Date.now() - this.going < 1500;
    this.going = 0;
    if (going && PLACES[event.key]) {
      router.go(PLACES[event.key] as string);
    } else if (event.key === "g") {
      this.going = Date.now();
    } else if (event.key === "?") {
      this.show(true);
    } else if (event.key === "/") {
      const field = document.querySelector<HTMLElement>("[data-search]");
      field?.focus();
      if (!field) {
        return;
      }
    } else if (event.key === "j" || event.key === "k") {
      this.step(event.key === "j" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
  }

  private step(by: number): void {
    const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
  }
}

export const keys = new Keys();

/** The list, as a dialog over the page. */
export function KeyList() {
  const { open, on } = useStore(keys);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) {
      dialog.current?.showModal();
    } else if (!open) {
      dialog.current?.close();
    }
  }, [open]);
  return (
    <dialog ref={dialog} class="keys" aria-labelledby="keys" onClose={() => keys.show(false)}
      onClick={(event) => { if (event.target === dialog.current) keys.show(false); }}>
      <div class="head"><h2 id="keys">{t("Keyboard")}</h2>
        <button type="button" class="iconic" aria-label={t("Close")} onClick={() => keys.show(false)}><Icon name="close" /></button></div>
      <dl>{LIST.map(([press, what]) => <div key={press}><dt>{press.split(/\s+/).map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{t(what)}</dd></div>)}</dl>
      <label><input type="checkbox" checked={on} onChange={(event) => keys.turn(event.currentTarget.checked)} /> {t("Shortcuts of one key")}</label>
    </dialog>
  );
}
