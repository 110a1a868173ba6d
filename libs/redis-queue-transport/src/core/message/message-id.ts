import type { Runtime } from '../process/runtime.js';

/**
 * Makes ids that no other process makes: 72 random bits for the process, then a count. Short, since each queued message
 * carries one.
 */
export class MessageIds {
  readonly #process: string;
  #count = 0;

  constructor(runtime: Pick<Runtime, 'randomBytes'>) {
    this.#process = runtime.randomBytes(9).toString('base64url');
  }

  next(): string {
    this.#count += 1;
    return this.#process + this.#count.toString(36);
  }
}
