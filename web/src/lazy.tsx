// Lazy: a page whose code is fetched when it is first shown, or when the browser has nothing else to do.
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, Problem } from "./ui/pieces";

export function lazy<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> & { fetch: () => void } {
  let found: FunctionComponent<P> | null = null;
  const fetch = () => load().then((inner) => { found = inner; return inner; });
  const Lazy = (props: P) => {
    const [error, setError] = useState("");
    const [, redraw] = useState(0);
    // As it was when this was drawn: the code may come before the effect runs, and this must be drawn again all the same.
    const [missing] = useState(!found);
    useEffect(() => {
      if (missing) {
        fetch().then(() => redraw(1), (problem: Error) => setError(problem.message));
      }
    }, []);
    if (!found) {
      return error ? <Problem text={error} /> : <Loading />;
    }
    const Found = found as FunctionComponent<P>;
    return <Found {...props} />;
  };
  return Object.assign(Lazy, { fetch: () => void fetch().catch(() => {}) });
}
