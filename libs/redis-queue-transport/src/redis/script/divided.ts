/** Bounds of one call, so that none keeps Redis busy for long. */
export interface PartBounds<T> {
  readonly most: number;
  readonly mostBytes: number;
  readonly sizeOf: (item: T) => number;
}

/** Divides the items, in order, into parts within the bounds. An item above the bounds is a part by itself. */
export function divided<T>(
  items: readonly T[],
  { most, mostBytes, sizeOf }: PartBounds<T>,
): (readonly T[])[] {
  const parts: T[][] = [];
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const more = sizeOf(item);
    if (part.length > 0 && (part.length === most || bytes + more > mostBytes)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += more;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
