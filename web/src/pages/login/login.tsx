// Login: name and token, once; afterwards a cookie that scripts cannot read.
import { useState } from "preact/hooks";
import { ApiError } from "../../api";
import { session } from "../../session";
import { language, setLanguage, t } from "../../words";

export function LoginPage({ onLanguage }: { onLanguage: () => void }) {
  const [name, setName] = useState("");
  const [token, setToken] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const other = language() === "en" ? "th" : "en";
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await session.login(name, token);
    } catch (problem) {
      setError(problem instanceof ApiError && problem.status === 401 ? t("This name and token do not belong together.") : (problem as Error).message);
    }
    setBusy(false);
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1><img src="/icon.svg" alt="" width="36" height="36" /> Raksa</h1>
        <label class="field">{t("Name")} <input name="name" required autocomplete="username" value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label class="field">{t("Token")} <input name="token" type="password" required autocomplete="current-password" value={token}
          onInput={(event) => setToken(event.currentTarget.value)} /></label>
        <p class="dim small">{t("Whoever runs Raksa makes one with {command}.", { command: "raksa token" })}</p>
        {error && <p class="problem" role="alert">{error}</p>}
        <button type="submit" class="primary" disabled={busy}>{t("Log in")}</button>
        <button type="button" class="quiet" lang={other} onClick={() => { setLanguage(other); onLanguage(); }}>{other === "th" ? "ไทย" : "English"}</button>
      </form>
    </main>
  );
}
