/** A message's id as the test gave it: from its data, or else from its header; the whole text of what has none. */
export function idOf(element: Buffer): string {
  const text = element.toString('latin1');
  for (const line of text.split('\n').reverse()) {
    const { id } = readObject(line);
    if (typeof id === 'string') return id;
  }
  return text;
}

/** The attempt that an element is in, or that a dead letter was in; 1 for what has no header. */
export function attemptOf(element: Buffer): number {
  const [line = ''] = element.toString('latin1').split('\n', 1);
  const header = readObject(line);
  const { attempt } = (header['dead'] ?? header) as Readonly<Record<string, unknown>>; // as the library writes it
  return typeof attempt === 'number' ? attempt : 1;
}

/** The number under which an element's body stands beside its queue; undefined where it has its body with it. */
export function parkedAs(element: Buffer): string | undefined {
  const [line = ''] = element.toString('latin1').split('\n', 1);
  const { parked } = readObject(line);
  return typeof parked === 'string' ? parked : undefined;
}

function readObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // some tests push what is no JSON
  }
}
