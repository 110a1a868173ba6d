import { HandledHeaders } from '../../core/process/handled-headers.js';
import type { ResolvedClientOptions } from '../options/resolve-options.js';

/** The headers of a client with these options; undefined if it adds none. */
export function outgoingHeaders({
  headers,
  forwardHeaders,
}: ResolvedClientOptions): OutgoingHeaders | undefined {
  if (headers === undefined && forwardHeaders.length === 0) return undefined;
  return new OutgoingHeaders({ ...headers }, [...forwardHeaders]);
}

type Headers = Readonly<Record<string, string>>;

/**
 * Headers that a client adds to everything it sends: its own, overridden by those of the message that is being handled.
 */
export class OutgoingHeaders {
  readonly #handled: HandledHeaders | undefined;

  constructor(
    private readonly own: Headers,
    /** Names of the headers of the handled message to pass on. */
    private readonly forwarded: readonly string[],
  ) {
    if (forwarded.length === 0) return;
    this.#handled = new HandledHeaders();
    this.#handled.open();
  }

  /** The headers for a message that is sent now. */
  now(): Headers | undefined {
    const forwarded = this.#handled?.pick(this.forwarded);
    return forwarded === undefined ? this.own : { ...this.own, ...forwarded };
  }

  /** From now on, passes on no headers of handled messages. May be called twice. */
  close(): void {
    this.#handled?.close();
  }
}
