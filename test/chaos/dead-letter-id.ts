/** The id in the header of a dead letter, where it has one. */
export function readDeadLetterId(element: Buffer): string | undefined {
  const [line = ''] = element.toString().split('\n', 1);
  const header: unknown = JSON.parse(line);
  if (typeof header !== 'object' || header === null || !('id' in header)) return undefined;
  return typeof header.id === 'string' ? header.id : undefined;
}
