/**
 * Marks this package's objects with a symbol that every copy of the package shares. Package managers may install two
 * copies if peer dependencies differ, and `instanceof` does not recognise the classes of the other copy.
 */
export function mark(kind: string): symbol {
  return Symbol.for(`nestjs-redis-queue-transport.${kind}`);
}

export function isMarked(value: unknown, kind: symbol): boolean {
  return typeof value === 'object' && value !== null && kind in value;
}
