import { SenderFullError } from '../errors/errors.js';

/**
 * Bounds what one sender holds in memory until Redis has answered. Counted by every message on the usual path, so it
 * does no more than add: text counts by its UTF-16 units, and what comes while there is any room left fits.
 */
export class SendBudget {
  #messages = 0;
  #bytes = 0;

  constructor(
    private readonly mostMessages: number,
    private readonly mostBytes: number,
  ) {}

  /** Why there is no room; undefined when the message was counted. */
  take(bytes: number): SenderFullError | undefined {
    if (this.#messages >= this.mostMessages || this.#bytes >= this.mostBytes) return this.#full(1);
    this.#messages += 1;
    this.#bytes += bytes;
    return undefined;
  }

  /** The message is answered, or will not be. */
  give(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }

  /** Whether all of these fit at once. @throws SenderFullError */
  assertRoomFor(messages: number): void {
    const hasRoom = this.#messages + messages <= this.mostMessages && this.#bytes < this.mostBytes;
    if (!hasRoom) throw this.#full(messages);
  }

  /** Why no request can be added to so many that wait for a reply; their bytes are gone. */
  ofRequests(open: number): SenderFullError | undefined {
    if (open < this.mostMessages) return undefined;
    return new SenderFullError(1, open, 0, this.mostMessages, this.mostBytes);
  }

  #full(wanted: number): SenderFullError {
    return new SenderFullError(
      wanted,
      this.#messages,
      this.#bytes,
      this.mostMessages,
      this.mostBytes,
    );
  }
}
