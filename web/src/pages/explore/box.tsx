// Box: where a query is written: coloured, completed, with the error under the character that is wrong.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useStore } from "../../store";
import { plural, t } from "../../words";
import { names } from "./known";
import { complete, errorPlace, tokens, type Hint } from "./language";

/** The text behind the field, in colours, with a mark where the error is. */
function Colours({ text, place }: { text: string; place: number | null }) {
  const out: JSX.Element[] = [];
  let at = 0;
  tokens(text).forEach((token, index) => {
    const wrong = place !== null && place >= at && place < at + token.text.length;
    out.push(<span key={index} class={`${token.kind} ${wrong ? "wrong" : ""}`}>{token.text}</span>);
    at += token.text.length;
  });
  if (place !== null && place >= text.length) {
    out.push(<span key="end" class="wrong"> </span>);
  }
  return <pre class="colours" aria-hidden="true">{out}{"\n"}</pre>;
}

export interface BoxProps { text: string; error: string; onChange: (text: string) => void; onRun: () => void }

export function Box({ text, error, onChange, onRun }: BoxProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const known = useStore(names);
  const [cursor, setCursor] = useState(text.length);
  const [open, setOpen] = useState(false);
  const [picked, setPicked] = useState(0);
  useEffect(() => void names.read(), []);
  const { from, hints } = open ? complete(text, cursor, known) : { from: 0, hints: [] };
  const shown = hints.length > 0;
  const place = error ? errorPlace(error, text) : null;

  const take = (hint: Hint) => {
    const whole = hint.kind === "value" || hint.kind === "range";
    const rest = whole ? text.slice(cursor) : text.slice(cursor).replace(/^[\w:]*/, "");
    const next = text.slice(0, from) + hint.insert + rest;
    const at = from + hint.insert.length;
    onChange(next);
    setCursor(at);
    setPicked(0);
    requestAnimationFrame(() => field.current?.setSelectionRange(at, at));
  };
  const press = (event: KeyboardEvent) => {
    if (shown && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      setPicked((was) => (was + (event.key === "ArrowDown" ? 1 : hints.length - 1)) % hints.length);
    } else if (shown && event.key === "Tab" && !event.shiftKey) {
      take(hints[picked] ?? (hints[0] as Hint));
    } else if (event.key === "Escape" && shown) {
      setOpen(false);
    } else if (event.key === "Enter" && !event.shiftKey) {
      setOpen(false);
      onRun();
    } else {
      return;
    }
    event.preventDefault();
  };
  const look = () => setCursor(field.current?.selectionStart ?? text.length);
  return (
    <div class="box">
      <Colours text={text} place={place} />
      <textarea ref={field} data-search rows={Math.max(1, text.split("\n").length)} value={text} spellcheck={false} autocapitalize="off" autocomplete="off"
        aria-label={t("PromQL query")} aria-controls="hints" aria-autocomplete="list"
        aria-activedescendant={shown ? `hint-${picked}` : undefined} aria-invalid={Boolean(error)} placeholder='cpu_percent{target="web1"}'
        onInput={(event) => { onChange(event.currentTarget.value); look(); setPicked(0); setOpen(true); }}
        onKeyDown={press} onKeyUp={look} onClick={look} onBlur={() => setTimeout(() => setOpen(false), 150)} />
      <span class="unseen" role="status">{shown ? plural(hints.length, "one completion", "{n} completions") : ""}</span>
      <ul id="hints" class="hints" role="listbox" aria-label={t("Completions")} hidden={!shown}>
        {hints.map((hint, index) => (
          <li key={hint.kind + hint.text} id={`hint-${index}`} role="option" aria-selected={index === picked} onMouseDown={(event) => { event.preventDefault(); take(hint); }}>
            <b>{hint.text}</b><span class="dim">{hint.more || t(hint.kind)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
