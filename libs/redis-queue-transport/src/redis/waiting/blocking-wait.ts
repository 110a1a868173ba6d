import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import { isElsewhere } from '../connection/failure.js';
import type { TakingEnd } from '../lua/moving-lua.js';

const UNBLOCK_AGAIN_MS = 10;

/** How long it does not wait again where the queue is no more, or not yet. Scripts find out where it is. */
const ELSEWHERE_PAUSE_MS = 100;

/** What a wait needs from its lease. */
export interface BlockingSurroundings {
  readonly commands: Connection;
  readonly lists: { readonly waiting: string; readonly processing: string };
  readonly takesFrom: TakingEnd;
  readonly waitMs: number;
}

/** One wait. */
export interface WaitTerms<Kept> {
  readonly signal: AbortSignal;
  /** Whether Redis knows the lease. */
  readonly isHeld: () => Promise<boolean>;
  /** Resolves when no search for strays is under way. */
  readonly returned: () => Promise<void>;
  /** Makes what is returned of an element that was taken. */
  readonly keep: (element: Buffer) => Promise<Kept>;
}

/** Waits for the next element of one queue by a blocking command, which takes it without checking the lease. */
export class BlockingWait {
  /** The connection of the wait that is running. */
  #blocking: Connection | undefined;
  #started = 0;
  #wasTakeLost = false;
  /** Redis's id of the blocking connection for which the lease was last checked. */
  #heldWhere: Connection['serverId'] | undefined;

  constructor(private readonly at: BlockingSurroundings) {}

  /** The connection was open before the lease was taken. */
  checkedOn(openBefore: Connection | undefined): void {
    this.#heldWhere = openBefore?.serverId;
  }

  get isRunning(): boolean {
    return this.#blocking !== undefined;
  }

  /** How many waits have started. With {@link isRunning}, it tells whether a wait overlapped with something else. */
  get started(): number {
    return this.#started;
  }

  /** The reply to a wait was lost: its command may still be executed, much later. */
  get wasTakeLost(): boolean {
    return this.#wasTakeLost;
  }

  /**
   * Returns what `keep` made of the element; undefined if none came.
   * @param blocking for this call alone until it returns
   */
  async take<Kept>(
    blocking: Connection,
    { signal, isHeld, returned, keep }: WaitTerms<Kept>,
  ): Promise<Kept | 'leaseLost' | undefined> {
    const { lists, takesFrom, waitMs } = this.at;
    await blocking.ready();
    if (signal.aborted) return undefined;
    const end = (): void => this.end();
    signal.addEventListener('abort', end, { once: true });
    this.#started += 1;
    this.#blocking = blocking;
    try {
      await returned();
      if (!(await this.#isHeldWhere(blocking, isHeld))) return 'leaseLost';
      const element = await blocking.runPurpose('wait for a message', (client) =>
        takesFrom === 'LEFT'
          ? client.blmoveBuffer(lists.waiting, lists.processing, 'LEFT', 'RIGHT', waitMs / 1_000)
          : client.blmoveBuffer(lists.waiting, lists.processing, 'RIGHT', 'RIGHT', waitMs / 1_000),
      );
      return element === null ? undefined : await keep(element);
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasTakeLost = true;
      if (!isElsewhere(error)) throw error;
      await pause(ELSEWHERE_PAUSE_MS, signal, nodeRuntime);
      return undefined;
    } finally {
      this.#blocking = undefined;
      signal.removeEventListener('abort', end);
    }
  }

  /** Ends the running wait soon, if there is one; even then it may still return an element. */
  end(): void {
    if (this.#blocking !== undefined) void this.#unblock(this.#blocking, this.#started);
  }

  /**
   * Checked once each time the connection is opened, or another one is used: the Redis behind it may have forgotten the
   * lease, and nobody would look for what a wait puts into the list of an unknown consumer.
   */
  async #isHeldWhere(blocking: Connection, isHeld: () => Promise<boolean>): Promise<boolean> {
    while (this.#heldWhere !== blocking.serverId) {
      const opened = blocking.serverId;
      if (!(await isHeld())) return false;
      this.#heldWhere = opened;
    }
    return true;
  }

  /** Never rejects: if Redis cannot be asked to end the wait, the connection of the wait is replaced. */
  async #unblock(blocking: Connection, wait: number): Promise<void> {
    const isRunning = (): boolean => this.isRunning && this.#started === wait;
    const { commands } = this.at;
    try {
      const id = await blocking.serverId;
      if (id === undefined) throw new TypeError('It cannot be named to Redis.');
      // Redis replies 0 if the wait was sent but has not arrived yet.
      while (
        isRunning() &&
        (await commands.run('end a wait', (client) => client.client('UNBLOCK', id))) === 0
      ) {
        await pause(UNBLOCK_AGAIN_MS, undefined, nodeRuntime);
      }
    } catch {
      // This makes the wait reject, so its caller is told.
      if (isRunning()) blocking.reconnect();
    }
  }
}
