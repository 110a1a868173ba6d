/** Makes something again what it was when this was made. May be called once. */
export type Restore = () => void;

export function rememberMap<K, V>(map: Map<K, V>): Restore {
  const entries = [...map];
  return () => {
    map.clear();
    for (const [key, value] of entries) map.set(key, value);
  };
}

/** The lists may be changed meanwhile. */
export function rememberLists<K, T>(lists: Map<K, T[]>): Restore {
  const entries = [...lists].map(([key, list]): [K, T[]] => [key, [...list]]);
  return () => {
    lists.clear();
    for (const [key, list] of entries) lists.set(key, list);
  };
}

export function rememberSet<T>(set: Set<T>): Restore {
  const items = [...set];
  return () => {
    set.clear();
    for (const item of items) set.add(item);
  };
}

/** Parts of one thing. */
export function together(restores: readonly Restore[]): Restore {
  return () => {
    for (const restore of restores) restore();
  };
}
