import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import { MOST_WAITING_REPLIES, REPLY_PATIENCE_MS } from '../../core/requests/reply-bounds.js';
import type { Contact } from '../link/contact.js';
import type { Command } from '../link/link.js';

const SEND = 'send a reply';

/**
 * Sends replies in the order of the calls. Without a link they wait for it: the handler's work is done, and its caller
 * wants to know.
 */
export class ReplyOutbox {
  #waiting: (() => void)[] = [];

  constructor(private readonly contact: Contact) {}

  /** Replies wait for the link. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  async send<T>(command: Command<T>): Promise<T> {
    if (this.isWaiting) return this.#sendLater(command);
    try {
      return await this.contact.call(SEND, command);
    } catch (error) {
      const mayWait = this.#waiting.length < MOST_WAITING_REPLIES;
      if (!(error instanceof RedisUnavailableError) || !mayWait) throw error;
      return this.#sendLater(command);
    }
  }

  #sendLater<T>(command: Command<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => void this.contact.call(SEND, command).then(resolve, reject));
      if (this.#waiting.length === 1) void this.#sendWhenReady();
    });
  }

  /** Sends even if the link does not become ready: each reply then fails by itself. */
  async #sendWhenReady(): Promise<void> {
    await this.contact.ready(REPLY_PATIENCE_MS).catch(() => undefined);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }
}
