/**
 * Marks what this package makes by a symbol that every copy of it knows. Package managers put two copies into one process
 * by themselves, where their peer dependencies differ; to `instanceof` the classes of the other copy are strangers.
 */
export function mark(kind: string): symbol {
  return Symbol.for(`nestjs-redis-queue-transport.${kind}`);
}

export function isMarked(value: unknown, kind: symbol): boolean {
  return typeof value === 'object' && value !== null && kind in value;
}
