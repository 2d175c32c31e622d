// Virtual: of a long list of rows of one height, only those near the window are in the document.
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

const SPARE = 3;
/** Shorter lists are drawn whole, so that the browser's own search finds everything. */
const SHORT = 120;
const REST = 120;

/** `rests` grows each time that scrolling comes to rest. */
export interface Slice { first: number; last: number; before: number; after: number; rests: number }

let moved = Number.NEGATIVE_INFINITY;

/** Whether a long list is being scrolled just now. */
export const scrolling = (): boolean => performance.now() - moved < REST;

export function useVirtual(list: RefObject<HTMLElement>, count: number, height: number): Slice {
  const [view, setView] = useState({ top: 0, tall: window.innerHeight });
  const [rests, setRests] = useState(0);
  useEffect(() => {
    if (count <= SHORT) {
      return undefined;
    }
    let timer = 0;
    const look = () => {
      const top = -(list.current?.getBoundingClientRect().top ?? 0);
      const rounded = Math.floor(top / (height * 2)) * height * 2;
      setView((was) => (was.top === rounded && was.tall === window.innerHeight ? was : { top: rounded, tall: window.innerHeight }));
    };
    const scroll = () => {
      moved = performance.now();
      clearTimeout(timer);
      timer = window.setTimeout(() => setRests((n) => n + 1), REST + 10);
      look();
    };
    look();
    window.addEventListener("scroll", scroll, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("scroll", scroll);
      window.removeEventListener("resize", look);
    };
  }, [count <= SHORT, height, list]);
  if (count <= SHORT) {
    return { first: 0, last: count, before: 0, after: 0, rests };
  }
  const first = Math.max(0, Math.min(count, Math.floor(view.top / height) - SPARE));
  const last = Math.min(count, Math.ceil((view.top + view.tall) / height) + SPARE + 2);
  return { first, last, before: first * height, after: (count - last) * height, rests };
}
