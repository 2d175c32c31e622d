// Store: a value that components watch; they are drawn again, at most once a frame, when it says that it changed.
import { useLayoutEffect, useState } from "preact/hooks";

export class Store {
  private listeners = new Set<() => void>();
  private pending = false;

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners, now or at the latest after `wait` milliseconds; many calls before that are told once. */
  protected changed(wait = 0): void {
    if (this.pending) {
      return;
    }
    this.pending = true;
    const tell = () => {
      this.pending = false;
      this.listeners.forEach((listener) => listener());
    };
    if (wait > 0 || document.hidden) {
      setTimeout(tell, wait);
    } else {
      requestAnimationFrame(tell);
    }
  }
}

/** Draws the caller again whenever the store changes. It listens before anything else can run: an effect would come a frame later, and what
 * changed meanwhile (the first answer of all, on a quick day) would never be drawn. */
export function useStore<S extends Store>(store: S): S {
  const [, redraw] = useState(0);
  useLayoutEffect(() => store.subscribe(() => redraw((n) => n + 1)), [store]);
  return store;
}
