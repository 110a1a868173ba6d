/** How many names are shown. Further ones are only counted. */
const MOST_NAMES = 20;

/** Joins names for people to read. */
export function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
