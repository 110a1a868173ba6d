import { randomBytes } from 'node:crypto';

/**
 * Makes ids that no other process makes: 72 random bits for the process, then a count. Short, since each queued message
 * carries one.
 */
export class MessageIds {
  readonly #process = randomBytes(9).toString('base64url');
  #count = 0;

  next(): string {
    this.#count += 1;
    return this.#process + this.#count.toString(36);
  }
}
