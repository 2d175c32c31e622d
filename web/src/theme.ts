// Theme: dark or light, by what the system prefers unless the reader chose.
import { Store, useStore } from "./store";

export type Choice = "system" | "light" | "dark";

class Theme extends Store {
  choice: Choice = "system";
  private readonly prefers = matchMedia("(prefers-color-scheme: dark)");

  start(): void {
    const kept = localStorage.getItem("raksa-theme");
    this.choice = kept === "light" || kept === "dark" ? kept : "system";
    this.prefers.addEventListener("change", () => this.apply());
    this.apply();
  }

  get dark(): boolean {
    return this.choice === "dark" || (this.choice === "system" && this.prefers.matches);
  }

  choose(next: Choice): void {
    this.choice = next;
    localStorage.setItem("raksa-theme", next);
    this.apply();
  }

  private apply(): void {
    document.documentElement.dataset["theme"] = this.dark ? "dark" : "light";
    this.changed();
  }
}

export const theme = new Theme();
export const useTheme = (): Theme => useStore(theme);

/** A colour of the palette, for canvases. */
export function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
