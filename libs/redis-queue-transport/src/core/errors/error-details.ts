/** What is kept of an error beside a dead letter. */
export interface ErrorSummary {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /**
   * What it carries: the response of an `HttpException`, the error of an `RpcException`. At most about 4 KiB of JSON.
   */
  readonly details?: unknown;
}

/** How much of what an error carries is kept, in characters of JSON. */
const MOST_DETAILS = 4_096;

/**
 * What an error carries for its readers besides its message: the response of an HTTP exception (`getResponse()`), the
 * error of an RPC exception (`getError()`). Returned as plain data or, if it is too large, as the beginning of its
 * JSON. Undefined if it adds nothing to the message. Never throws.
 *
 * Other fields are not kept: those of a failed HTTP call contain passwords.
 */
export function detailsOf(error: unknown): unknown {
  try {
    const carried = carriedBy(error);
    if (carried === undefined || carried === null || carried === error) return undefined;
    if (carried === (error as { readonly message?: unknown }).message) return undefined;
    const json = toJson(carried);
    if (json === undefined) return undefined;
    return json.length > MOST_DETAILS ? `${json.slice(0, MOST_DETAILS)}…` : JSON.parse(json);
  } catch {
    // A getter, toJSON() or method of the error threw: there is nothing to show.
    return undefined;
  }
}

function carriedBy(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return undefined;
  for (const method of ['getResponse', 'getError']) {
    const get: unknown = Reflect.get(error, method);
    if (typeof get === 'function') return Reflect.apply(get, error, []);
  }
  return undefined;
}

/** Cuts circular references, and turns values that JSON cannot represent into text. */
function toJson(value: unknown): string | undefined {
  const above: object[] = [];
  return JSON.stringify(value, function (this: object, _key: string, inner: unknown) {
    if (typeof inner === 'bigint' || typeof inner === 'symbol') return String(inner);
    if (typeof inner !== 'object' || inner === null) return inner;
    // `above` is the path to the object that has this member.
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (above.includes(inner)) return '[circular]';
    above.push(inner);
    return inner instanceof Error ? { name: inner.name, message: inner.message } : inner;
  });
}
