/** The conventions' value for an error without a name. */
const UNKNOWN = '_OTHER';
const NAME = /^[\w.$-]{1,100}$/;

/**
 * The class of an error, as `error.type` wants it: few values, and nothing of what the error says. Never throws, since
 * handlers may throw anything.
 */
export function errorTypeOf(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null || !('name' in error)) return UNKNOWN;
    // Many subclasses keep the name of their parent.
    const isUnnamed = error instanceof Error && error.name === 'Error';
    const name: unknown = isUnnamed ? error.constructor.name : error.name;
    return typeof name === 'string' && NAME.test(name) ? name : UNKNOWN;
  } catch {
    return UNKNOWN; // it cannot be read
  }
}
