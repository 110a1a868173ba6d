import { setImmediate as immediate } from 'node:timers/promises';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { isElsewhere } from '../connection/failure.js';
import type { Connection } from '../connection/connection.js';

/**
 * How long, in ms, one call blocks while no reply arrives. Shorter than other waits: so the connection can tolerate as long
 * a pause of Redis as those for commands do, and a dead one is still noticed after 6.5 s.
 */
export const INBOX_WAIT_MS = 1_500;
const MOST_REPLIES = 500;
const ELSEWHERE_PAUSE_MS = 100;
/** Roughly how many bytes one call should return: as many replies as fit if they are as large as earlier ones. */
const MOST_BYTES = 16_777_216;

/**
 * Reads one process's reply list, on a connection of its own, as many replies as possible with each call. Replies that are
 * lost with the connection are gone; the callers' deadlines end those requests.
 */
export class ReplyInbox {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  /** The size of the largest recent reply: it is halved with each call. */
  #largestBytes = 1;

  constructor(
    private readonly connection: Connection,
    readonly list: string,
    /** Has the connection lead to the list. */
    private readonly lead: () => void,
    private readonly onReply: (element: Buffer) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    const { signal } = this.#stopped;
    this.#loop ??= repeatUntilStopped(() => this.#read(), signal, this.onError, nodeRuntime);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.connection.close();
    await this.#loop;
  }

  /** Returns nothing if the list is elsewhere, or not there yet: a moment later, it may be known where. */
  async #pop(most: number): Promise<[key: Buffer, members: Buffer[]] | null> {
    try {
      return await this.connection.runPurpose('read replies', (client) =>
        client.blmpopBuffer(INBOX_WAIT_MS / 1_000, 1, this.list, 'LEFT', 'COUNT', most),
      );
    } catch (error) {
      if (!isElsewhere(error)) throw error;
      await pause(ELSEWHERE_PAUSE_MS, this.#stopped.signal, nodeRuntime);
      return null;
    }
  }

  async #read(): Promise<void> {
    this.lead();
    await this.connection.ready();
    const most = Math.ceil(Math.min(MOST_REPLIES, MOST_BYTES / this.#largestBytes));
    const popped = await this.#pop(most);
    this.#largestBytes = Math.max(1, this.#largestBytes / 2);
    // The reply is [name of the list, elements], or null if the time was over.
    for (const element of popped?.[1] ?? []) {
      this.#largestBytes = Math.max(this.#largestBytes, element.length);
      this.onReply(element);
    }
    // Before the next call, callers get a turn to send their next request.
    await immediate();
  }
}
