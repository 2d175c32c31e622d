// usePlot: a uPlot in an element, made anew only when its shape, width or colours change; new data alone is only drawn.
import uPlot from "uplot";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useTheme } from "../theme";

/** The width of an element, kept true when the window or the layout changes. */
function useWidth(host: RefObject<HTMLElement>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = host.current;
    if (!element) {
      return;
    }
    const look = new ResizeObserver((entries) => entries.forEach((entry) => setWidth(Math.floor(entry.contentRect.width))));
    setWidth(Math.floor(element.clientWidth));
    look.observe(element);
    return () => look.disconnect();
  }, [host]);
  return width;
}

/** `make` must read what changes with the data (start, end, marks) at drawing time, not when it is called. */
export function usePlot(host: RefObject<HTMLElement>, data: uPlot.AlignedData | null, shape: string, drawn: unknown[],
    make: (width: number) => uPlot.Options): void {
  const plot = useRef<uPlot | null>(null);
  const fresh = useRef(false);
  const { dark } = useTheme();
  const width = useWidth(host);
  const nothing = data === null;
  useEffect(() => {
    if (!data || !host.current || width === 0) {
      return;
    }
    fresh.current = true;
    plot.current = new uPlot(make(width), data, host.current);
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [nothing, shape, width, dark]);
  useEffect(() => {
    if (fresh.current) {
      fresh.current = false;
    } else if (data) {
      plot.current?.setData(data);
    }
  }, [data, ...drawn]);
}
