import { isOfObject } from '../message/queue-name.js';

/** Where the filters are that have the same first segments. Most nodes have one child or none. */
class Node<T> {
  /** By their segment, but for {@link ANY}. */
  children: Map<string, Node<T>> | undefined;
  /** Where any segment leads. A field of its own, since most filters end so, and a map is large. */
  any: Node<T> | undefined;
  /** Of the filter that ends here. */
  value: T | undefined;
  /** Of the filter that ends here with a `#`. */
  openEnded: T | undefined;
}

/**
 * Values by patterns with wildcards, kept by their segments: finding all that match a pattern takes steps by the number of
 * its segments, not of the filters. Matches as `isMeantBy` does.
 */
export class FilterTree<T> {
  readonly #root = new Node<T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(filter: string): T | undefined {
    const { segments, isOpenEnded } = partsOf(filter);
    let node: Node<T> | undefined = this.#root;
    for (const segment of segments) node = node && childOf(node, segment);
    return isOpenEnded ? node?.openEnded : node?.value;
  }

  set(filter: string, value: T): void {
    const { segments, isOpenEnded } = partsOf(filter);
    let node = this.#root;
    for (const segment of segments) node = childOf(node, segment) ?? addChild(node, segment);
    if ((isOpenEnded ? node.openEnded : node.value) === undefined) this.#size += 1;
    if (isOpenEnded) node.openEnded = value;
    else node.value = value;
  }

  delete(filter: string): void {
    const { segments, isOpenEnded } = partsOf(filter);
    const parents: Node<T>[] = [];
    let node = this.#root;
    for (const segment of segments) {
      const next = childOf(node, segment);
      if (next === undefined) return;
      parents.push(node);
      node = next;
    }
    if ((isOpenEnded ? node.openEnded : node.value) === undefined) return;
    this.#size -= 1;
    if (isOpenEnded) node.openEnded = undefined;
    else node.value = undefined;
    while (isEmpty(node)) {
      const [parent, segment] = [parents.pop(), segments.pop()];
      if (parent === undefined || segment === undefined) return;
      if (segment === ANY) parent.any = undefined;
      else parent.children?.delete(segment);
      node = parent;
    }
  }

  /** The values of all filters that match a pattern without wildcards. */
  matching(pattern: string): T[] {
    const found: T[] = [];
    if (this.#size === 0 || isOfObject(pattern)) return found;
    let nodes = [this.#root];
    for (const segment of pattern.split('.')) {
      const next: Node<T>[] = [];
      for (const { any, children, openEnded } of nodes) {
        if (openEnded !== undefined) found.push(openEnded);
        const same = children?.get(segment);
        if (same !== undefined) next.push(same);
        if (any !== undefined) next.push(any);
      }
      nodes = next;
      if (nodes.length === 0) return found;
    }
    for (const { openEnded, value } of nodes) {
      if (openEnded !== undefined) found.push(openEnded);
      if (value !== undefined) found.push(value);
    }
    return found;
  }

  *values(): Generator<T> {
    const nodes = [this.#root];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node.openEnded !== undefined) yield node.openEnded;
      if (node.value !== undefined) yield node.value;
      if (node.any !== undefined) nodes.push(node.any);
      for (const child of node.children?.values() ?? []) nodes.push(child);
    }
  }
}

/** One whole segment. */
const ANY = '*';
/** As the last segment, any number of them. */
const REST = '#';

function partsOf(filter: string): { segments: string[]; isOpenEnded: boolean } {
  const segments = filter.split('.');
  const isOpenEnded = segments.at(-1) === REST;
  if (isOpenEnded) segments.pop();
  return { segments, isOpenEnded };
}

function childOf<T>(node: Node<T>, segment: string): Node<T> | undefined {
  return segment === ANY ? node.any : node.children?.get(segment);
}

function addChild<T>(node: Node<T>, segment: string): Node<T> {
  const child = new Node<T>();
  if (segment === ANY) node.any = child;
  else (node.children ??= new Map<string, Node<T>>()).set(segment, child);
  return child;
}

function isEmpty<T>({ any, children, openEnded, value }: Node<T>): boolean {
  const hasChildren = any !== undefined || (children?.size ?? 0) > 0;
  return value === undefined && openEnded === undefined && !hasChildren;
}
