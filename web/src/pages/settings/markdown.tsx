// Markdown: the subset in which kinds' pages are written, as elements. Nothing of the text becomes markup of its own: links are
// shown as text.
import type { JSX } from "preact";

/** Code and bold inside a line; a link's address in parentheses behind its text. */
function inline(text: string): (JSX.Element | string)[] {
  const out: (JSX.Element | string)[] = [];
  let last = 0;
  for (const found of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)]*)\)/g)) {
    out.push(text.slice(last, found.index));
    const key = found.index;
    if (found[1] !== undefined) {
      out.push(<code key={key}>{found[1]}</code>);
    } else if (found[2] !== undefined) {
      out.push(<b key={key}>{found[2]}</b>);
    } else {
      out.push(found[3] === found[4] ? (found[3] ?? "") : `${found[3]} (${found[4]})`);
    }
    last = (found.index ?? 0) + found[0].length;
  }
  out.push(text.slice(last));
  return out;
}

const cells = (line: string): string[] => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());

function table(lines: string[], key: number): JSX.Element {
  const [head, , ...rows] = lines;
  return (
    <div class="wide" key={key}>
      <table class="rows">
        <thead><tr>{cells(head ?? "").map((cell, index) => (cell ? <th key={index}>{inline(cell)}</th> : <td key={index} />))}</tr></thead>
        <tbody>{rows.map((row, at) => <tr key={at}>{cells(row).map((cell, index) => <td key={index} data-label={cells(head ?? "")[index]}>{inline(cell)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

function heading(line: string, key: number): JSX.Element {
  return <h4 key={key}>{inline(line.replace(/^#+\s*/, ""))}</h4>;
}

/** The lines that belong together: code, table, list, heading, paragraph. */
export function Markdown({ text }: { text: string }) {
  const lines = text.split("\n");
  const out: JSX.Element[] = [];
  const whileTrue = (from: number, test: (line: string) => boolean) => {
    let to = from;
    while (to < lines.length && test(lines[to] ?? "")) to += 1;
    return to;
  };
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? "";
    let to = at + 1;
    if (line.startsWith("```")) {
      to = whileTrue(at + 1, (one) => !one.startsWith("```")) + 1;
      out.push(<pre key={at} tabIndex={0}><code>{lines.slice(at + 1, to - 1).join("\n")}</code></pre>);
    } else if (line.startsWith("#")) {
      out.push(heading(line, at));
    } else if (line.startsWith("|")) {
      to = whileTrue(at, (one) => one.startsWith("|"));
      out.push(table(lines.slice(at, to), at));
    } else if (/^\s*[-*] /.test(line)) {
      to = whileTrue(at + 1, (one) => /^\s*[-*] /.test(one) || /^\s+\S/.test(one));
      const items = lines.slice(at, to).join("\n").split(/\n(?=\s*[-*] )/);
      out.push(<ul key={at} class="points">{items.map((item, index) => <li key={index}>{inline(item.replace(/^\s*[-*] /, "").replace(/\s*\n\s*/g, " "))}</li>)}</ul>);
    } else if (line.trim()) {
      to = whileTrue(at, (one) => one.trim() !== "" && !/^(#|\||```|\s*[-*] )/.test(one));
      out.push(<p key={at}>{inline(lines.slice(at, to).join(" "))}</p>);
    }
    at = Math.max(to, at + 1);
  }
  return <div class="markdown">{out}</div>;
}
