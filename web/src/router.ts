// Router: the address as state. Links of our own change it without loading; everything on the page has an address.
import { Store, useStore } from "./store";

class Router extends Store {
  path = location.pathname;
  query = new URLSearchParams(location.search);

  start(): void {
    window.addEventListener("popstate", () => this.read());
    document.addEventListener("click", (event) => {
      const link = (event.target as Element).closest?.("a");
      const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
      if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download") || link.hash
          || link.origin !== location.origin || link.pathname.startsWith("/api/") || link.pathname === "/status") {
        return;
      }
      event.preventDefault();
      this.go(link.pathname + link.search);
      window.scrollTo(0, 0);
    });
  }

  /** Goes to an address of the page; `replace` leaves no entry in the browser's history. */
  go(address: string, replace = false): void {
    if (replace) {
      history.replaceState(null, "", address);
    } else {
      history.pushState(null, "", address);
    }
    this.read();
  }

  /** Changes parameters of the address; an empty text takes one away. */
  set(changes: Record<string, string>, replace = true): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) {
        query.set(name, value);
      } else {
        query.delete(name);
      }
    }
    const text = query.toString();
    this.go(location.pathname + (text ? `?${text}` : ""), replace);
  }

  private read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    this.changed();
  }
}

export const router = new Router();
export const useRouter = (): Router => useStore(router);
