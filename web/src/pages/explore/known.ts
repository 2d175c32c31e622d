// Known: the names that completion offers, asked for when they are first needed.
import { ask } from "../../api";
import { Store } from "../../store";
import type { Known } from "./language";

class Names extends Store implements Known {
  metrics: { name: string; help: string }[] = [];
  labels: string[] = [];
  private found = new Map<string, string[]>();

  async read(): Promise<void> {
    const list = async (path: string) => ((await ask(path)) as { data: string[] }).data;
    try {
      const [names, labels, metadata] = await Promise.all([
        list("/api/v1/label/__name__/values"), list("/api/v1/labels"),
        ask("/api/v1/metadata") as Promise<{ data: Record<string, { help: string }[]> }>,
      ]);
      this.metrics = names.map((name) => ({ name, help: metadata.data[name]?.[0]?.help ?? "" }));
      this.labels = labels.filter((name) => name !== "__name__");
      this.changed();
    } catch {
      // Without names there is no completion; the query itself says what is wrong.
    }
  }

  values(label: string): string[] {
    const known = this.found.get(label);
    if (!known) {
      this.found.set(label, []);
      void ask(`/api/v1/label/${encodeURIComponent(label)}/values`).then((answer) => {
        this.found.set(label, (answer as { data: string[] }).data);
        this.changed();
      }, () => {});
    }
    return known ?? [];
  }
}

export const names = new Names();
