// Commands: what was run on the host, each with its output, folded.
import type { Command } from "../../api";
import { span } from "../../format";
import { plural, t } from "../../words";

/** A command as a person would type it; the words that need it in quotes. */
function line(argv: string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`)).join(" ");
}

function One({ command }: { command: Command }) {
  const good = command.exit_status === 0 && !command.error;
  const head = (
    <>
      <code>{line(command.argv)}</code>
      {command.changes && <span class="pill warn">{t("changes")}</span>}
      <span class={good ? "dim" : "bad"}>{command.error || t("exit {status}", { status: command.exit_status })}</span>
      <span class="dim">{span(command.took_seconds)}</span>
    </>
  );
  if (!command.output) {
    return <li class="command">{head}</li>;
  }
  return (
    <li class="command">
      <details><summary>{head}</summary><pre tabIndex={0}>{command.output}{command.truncated && `\n${t("… (cut)")}`}</pre></details>
    </li>
  );
}

export function Commands({ commands }: { commands: Command[] }) {
  if (commands.length === 0) {
    return null;
  }
  return (
    <details class="commands">
      <summary>{plural(commands.length, "one command", "{n} commands")}</summary>
      <ul>{commands.map((command, index) => <One key={index} command={command} />)}</ul>
    </details>
  );
}
