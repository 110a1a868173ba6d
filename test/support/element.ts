/** A message's id as the test gave it: from its data, or else from its header. If it has none, the whole text. */
export function idOf(element: Buffer): string {
  const text = element.toString('latin1');
  for (const line of text.split('\n').reverse()) {
    const { id } = readObject(line);
    if (typeof id === 'string') return id;
  }
  return text;
}

/** The attempt of an element or of a dead letter; 1 if it has no header. */
export function attemptOf(element: Buffer): number {
  const [line = ''] = element.toString('latin1').split('\n', 1);
  const header = readObject(line);
  const { attempt } = (header['dead'] ?? header) as Readonly<Record<string, unknown>>; // as the library writes it
  return typeof attempt === 'number' ? attempt : 1;
}

/** The name under which an element's body is parked; undefined if it is not. */
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
    return {}; // some tests push text that is not JSON
  }
}
