// Memo: a component that is drawn again only when one of its properties is another value than before.
import { Component, h, type FunctionComponent } from "preact";

export function memo<P extends object>(inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const was = this.props as Record<string, unknown>;
      const names = Object.keys(next);
      return names.length !== Object.keys(was).length || names.some((name) => (next as Record<string, unknown>)[name] !== was[name]);
    }
    override render() {
      return h(inner, this.props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
