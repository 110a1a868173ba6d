import { KEEP_REPLIES_MS } from '../../core/requests/reply-bounds.js';
import { COMMAND_DEADLINE_MS } from '../connection/open-connections.js';
import type { Connections } from '../connection/connections.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { ParkedReplies } from './parked-replies.js';
import { refuseReplies } from './refuse-replies.script.js';
import { INBOX_WAIT_MS, ReplyInbox } from './reply-inbox.js';

/** Most requests that one script refuses. */
const MOST_AT_ONCE = 1_000;

/** The replies to the requests of this process. */
export class OwnReplies {
  readonly #list: string;
  readonly #stopped = new AbortController();
  #inbox: ReplyInbox | undefined;

  constructor(
    private readonly connections: Connections,
    private readonly commands: Connection,
    private readonly keys: Keys,
    /** Names this process in Redis. */
    process: string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#list = keys.replies(process);
  }

  /** Starts reading the list, and returns its name. */
  async receive(onReply: (element: Buffer) => void, timeoutMs: number): Promise<string> {
    // Replies that were popped for a connection that was given up are lost.
    const { connections } = this;
    const list = this.#list;
    const connection = connections.openBlocking(
      'replies',
      list,
      INBOX_WAIT_MS,
      COMMAND_DEADLINE_MS,
    );
    const parked = new ParkedReplies({
      bodies: () => this.connections.bodies,
      keyOf: (name) => this.keys.parkedReply(this.#list, name),
      onReply,
      onError: this.onError,
      stopped: this.#stopped.signal,
    });
    const deliver = (element: Buffer): void => parked.deliver(element);
    const lead = (): void => connections.lead(connection, list);
    const inbox = new ReplyInbox(connection, list, lead, deliver, this.onError);
    this.#inbox = inbox;
    try {
      await connection.ready(timeoutMs);
    } catch (error) {
      await inbox.stop();
      throw error;
    }
    inbox.start();
    return this.#list;
  }

  /** Tells servers that nobody listens to further replies to these requests. */
  async refuse(requests: readonly number[]): Promise<void> {
    const refused = this.keys.refusedOf(this.#list);
    for (let from = 0; from < requests.length; from += MOST_AT_ONCE) {
      const some = requests.slice(from, from + MOST_AT_ONCE);
      await refuseReplies.run(this.commands, { refused }, { keepMs: KEEP_REPLIES_MS }, some);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#inbox?.stop();
  }
}
