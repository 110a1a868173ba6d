import { SenderFullError } from '../errors/call-errors.js';

/**
 * Bounds what one sender keeps in memory until Redis has replied. This runs for every message, so it only adds numbers:
 * text counts by its UTF-16 units, and a message fits as long as there is any room left.
 */
export class SendBudget {
  #messages = 0;
  #bytes = 0;

  constructor(
    private readonly mostMessages: number,
    private readonly mostBytes: number,
  ) {}

  /** The error if there is no room; undefined if the message was counted. */
  take(bytes: number): SenderFullError | undefined {
    if (this.#messages >= this.mostMessages || this.#bytes >= this.mostBytes) return this.#full(1);
    this.#messages += 1;
    this.#bytes += bytes;
    return undefined;
  }

  /** Redis has replied about the message, or never will. */
  give(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }

  /** Checks that all of these fit at once. @throws SenderFullError */
  assertRoomFor(messages: number): void {
    const hasRoom = this.#messages + messages <= this.mostMessages && this.#bytes < this.mostBytes;
    if (!hasRoom) throw this.#full(messages);
  }

  /** The error if too many requests already wait for a reply; their bytes are no longer held. */
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
