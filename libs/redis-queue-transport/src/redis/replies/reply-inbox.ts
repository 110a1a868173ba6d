import { setImmediate as immediate } from 'node:timers/promises';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import type { Connection } from '../connection/connection.js';

/** Longest time in ms of one blocking call while no reply comes. */
export const INBOX_WAIT_MS = 5_000;
const MOST_REPLIES = 500;
/** What one look should bring at the most, about: as many replies as fit if they are as large as those before. */
const MOST_BYTES = 16_777_216;
/**
 * Reads one process's reply list, on a connection of its own: as many replies as there are with each call. Replies
 * whose answer is lost with the connection are gone; their callers' deadlines end those requests.
 */
export class ReplyInbox {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  /** Of late; forgotten by halves. */
  #largestBytes = 1;

  constructor(
    private readonly connection: Connection,
    readonly list: string,
    private readonly onReply: (element: Buffer) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.#loop ??= repeatUntilStopped(() => this.#read(), this.#stopped.signal, this.onError);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.connection.close();
    await this.#loop;
  }

  async #read(): Promise<void> {
    await this.connection.ready();
    const most = Math.ceil(Math.min(MOST_REPLIES, MOST_BYTES / this.#largestBytes));
    const popped = await this.connection.runPurpose('read replies', (client) =>
      client.blmpopBuffer(INBOX_WAIT_MS / 1_000, 1, this.list, 'LEFT', 'COUNT', most),
    );
    this.#largestBytes = Math.max(1, this.#largestBytes / 2);
    // The answer is [name of the list, elements], or null when the time was over.
    for (const element of popped?.[1] ?? []) {
      this.#largestBytes = Math.max(this.#largestBytes, element.length);
      this.onReply(element);
    }
    // A caller that goes on with its next request does so first.
    await immediate();
  }
}
