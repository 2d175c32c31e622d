// Spark: a graph of the size of a word.
import { memo } from "../memo";

/** Values between 0 and `max` as a line over its own shade; a null is a gap. */
export const Spark = memo(function Spark({ values, max }: { values: (number | null)[]; max: number }) {
  const wide = Math.max(1, values.length - 1);
  let line = "";
  let shade = "";
  let from = -1;
  const y = (value: number) => (100 - Math.max(2, Math.min(98, (value / max) * 100))).toFixed(0);
  values.forEach((value, index) => {
    if (value !== null) {
      line += `${from < 0 ? "M" : "L"}${index} ${y(value)}`;
      shade += from < 0 ? `M${index} 100L${index} ${y(value)}` : `L${index} ${y(value)}`;
      from = from < 0 ? index : from;
    }
    if (from >= 0 && (value === null || index === values.length - 1)) {
      shade += `L${value === null ? index - 1 : index} 100Z`;
      from = -1;
    }
  });
  return (
    <svg class="spark" viewBox={`0 0 ${wide} 100`} preserveAspectRatio="none" aria-hidden="true">
      <path class="shade" d={shade} /><path class="line" d={line} />
    </svg>
  );
});
