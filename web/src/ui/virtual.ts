// Virtual: of a long list of rows of one height, only those near the window are in the document.
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

const SPARE = 3;
/** Shorter lists are drawn whole, so that the browser's own search finds everything. */
const SHORT = 120;

export interface Slice { first: number; last: number; before: number; after: number }

export function useVirtual(list: RefObject<HTMLElement>, count: number, height: number): Slice {
  const [view, setView] = useState({ top: 0, tall: window.innerHeight });
  useEffect(() => {
    if (count <= SHORT) {
      return;
    }
    const look = () => {
      const top = -(list.current?.getBoundingClientRect().top ?? 0);
      const rounded = Math.floor(top / (height * 2)) * height * 2;
      setView((was) => (was.top === rounded && was.tall === window.innerHeight ? was : { top: rounded, tall: window.innerHeight }));
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [count <= SHORT, height, list]);
  if (count <= SHORT) {
    return { first: 0, last: count, before: 0, after: 0 };
  }
  const first = Math.max(0, Math.min(count, Math.floor(view.top / height) - SPARE));
  const last = Math.min(count, Math.ceil((view.top + view.tall) / height) + SPARE + 2);
  return { first, last, before: first * height, after: (count - last) * height };
}
