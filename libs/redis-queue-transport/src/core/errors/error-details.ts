/** What is kept of an error beside a dead letter. */
export interface ErrorSummary {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** What it carries: the response of an `HttpException`, the error of an `RpcException`. At most about 4 KiB of JSON. */
  readonly details?: unknown;
}

/** So much is kept of what an error carries, in characters of JSON. */
const MOST_DETAILS = 4_096;

/**
 * What an error carries beside its message, where it is of a kind that is made to tell others: the response of an HTTP
 * exception (`getResponse()`), the error of an RPC exception (`getError()`). As plain data, and the beginning of its JSON as
 * text where there is too much of it. Undefined where it says no more than the message. Never throws.
 *
 * Nothing is kept of other fields: those of a failed HTTP call hold passwords.
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
    // Somebody's getter, toJSON() or method threw: there is nothing to show.
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

/** A circle ends where it would begin anew, and what JSON does not know is shown as text. */
function toJson(value: unknown): string | undefined {
  const above: object[] = [];
  return JSON.stringify(value, function (this: object, _key: string, inner: unknown) {
    if (typeof inner === 'bigint' || typeof inner === 'symbol') return String(inner);
    if (typeof inner !== 'object' || inner === null) return inner;
    // What stands above is what leads to the object whose member this is.
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (above.includes(inner)) return '[a circle]';
    above.push(inner);
    return inner instanceof Error ? { name: inner.name, message: inner.message } : inner;
  });
}
