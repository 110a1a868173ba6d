import { HandledHeaders } from '../../core/process/handled-headers.js';
import type { ResolvedClientOptions } from '../options/resolve-options.js';

/** Of a client with these options; undefined where it adds none. */
export function outgoingHeaders({
  headers,
  forwardHeaders,
}: ResolvedClientOptions): OutgoingHeaders | undefined {
  if (headers === undefined && forwardHeaders.length === 0) return undefined;
  return new OutgoingHeaders({ ...headers }, [...forwardHeaders]);
}

type Headers = Readonly<Record<string, string>>;

/** Headers that a client adds to all that it sends: its own, and over them those of the message that is being handled. */
export class OutgoingHeaders {
  readonly #handled: HandledHeaders | undefined;

  constructor(
    private readonly own: Headers,
    /** Names of those that go along. */
    private readonly forwarded: readonly string[],
  ) {
    if (forwarded.length === 0) return;
    this.#handled = new HandledHeaders();
    this.#handled.open();
  }

  /** Undefined for none. */
  now(): Headers | undefined {
    const forwarded = this.#handled?.pick(this.forwarded);
    return forwarded === undefined ? this.own : { ...this.own, ...forwarded };
  }

  /** Nothing goes along any more. May be called twice. */
  close(): void {
    this.#handled?.close();
  }
}
