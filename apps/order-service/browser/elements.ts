/** The element of the page with this id. */
export function byId<T extends Element = HTMLElement>(id: string, kind?: new () => T): T {
  const found = document.getElementById(id);
  if (found === null || (kind !== undefined && !(found instanceof kind))) {
    throw new Error(`the page has no ${kind?.name ?? 'element'} #${id}`);
  }
  // Checked above, or any element will do.
  return found as Element as T;
}

interface Attributes {
  readonly class?: string;
  /** Set as text, so it never becomes markup. */
  readonly text?: string;
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Node[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (attributes.class !== undefined) element.className = attributes.class;
  if (attributes.text !== undefined) element.textContent = attributes.text;
  element.append(...children);
  return element;
}

/** Leaves the element alone if nothing changes, so that a selection in it stays, and a live region stays silent. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const numbers = new Intl.NumberFormat('en');

export function formatCount(count: number): string {
  return numbers.format(count);
}

/** The beginning of an id is enough for people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
