/** Further names are only counted. */
const MOST_NAMES = 20;

/** Names in a row, for people. */
export function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
