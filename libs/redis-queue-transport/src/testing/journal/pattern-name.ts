/** A pattern as a queue is called: text as it is, and an object as JSON with its keys in order, as Nest has it. */
export function patternName(pattern: unknown): string {
  if (typeof pattern !== 'object' || pattern === null) return String(pattern);
  return JSON.stringify(sorted(pattern));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
