// Session: who looks at the page, what they may do, and whether they have to log in first.
import { ApiError, ask, credentials } from "./api";
import { Store, useStore } from "./store";

export type Role = "read" | "alert" | "operate" | "";
interface Answer { user: string; role: Role; login: boolean; csrf: string }

class Session extends Store {
  user = "";
  role: Role = "";
  /** A login is needed before anything else can be read. */
  locked = false;
  /** Somebody is logged in with a cookie, and can log out. */
  cookie = false;
  known = false;

  async start(): Promise<void> {
    credentials.refused = () => {
      if (!this.locked) {
        this.locked = true;
        this.changed();
      }
    };
    try {
      this.take((await ask("/api/v1/session")) as Answer);
    } catch (error) {
      await this.older(error);
    }
    this.known = true;
    this.changed();
  }

  /** A daemon without sessions tells the role in its status. */
  private async older(error: unknown): Promise<void> {
    if (!(error instanceof ApiError) || error.status !== 404) {
      return;
    }
    try {
      const status = (await ask("/api/v1/status")) as { user?: string; role?: Role };
      this.take({ user: status.user ?? "", role: status.role ?? "read", login: false, csrf: "" });
    } catch {
      // The connection's own line says so.
    }
  }

  async login(name: string, token: string): Promise<void> {
    await ask("/api/v1/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name, token }) });
    this.take((await ask("/api/v1/session")) as Answer);
    this.changed();
  }

  async logout(): Promise<void> {
    await ask("/api/v1/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    location.assign("/");
  }

  get operate(): boolean {
    return this.role === "operate";
  }

  private take(answer: Answer): void {
    this.user = answer.user;
    this.role = answer.role;
    this.locked = answer.login && answer.role === "";
    this.cookie = answer.csrf !== "";
    credentials.csrf = answer.csrf;
  }
}

export const session = new Session();
export const useSession = (): Session => useStore(session);
