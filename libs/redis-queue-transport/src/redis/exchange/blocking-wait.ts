import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import type { TakingEnd } from '../lua/moving-lua.js';

const UNBLOCK_AGAIN_MS = 10;
const NEVER = new AbortController().signal;

/** What a wait needs from its lease. */
export interface WaitSurroundings {
  readonly commands: Connection;
  /** For the blocking call; only this lease uses it. */
  readonly blocking: Connection;
  readonly lists: { readonly waiting: string; readonly processing: string };
  readonly takesFrom: TakingEnd;
  readonly waitMs: number;
  /** Whether Redis knows the lease. */
  readonly isHeld: () => Promise<boolean>;
  /** Resolves when no search for strays is under way. */
  readonly returned: () => Promise<void>;
}

/** Waits for the next element of one queue by a blocking command, which takes it without checking the lease. */
export class BlockingWait {
  #isRunning = false;
  #started = 0;
  #wasTakeLost = false;
  /** Redis's id of the blocking connection for which the lease was last checked. */
  #heldWhere: Connection['serverId'];

  constructor(private readonly at: WaitSurroundings) {
    // The connection was open before the lease was taken.
    this.#heldWhere = at.blocking.serverId;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How many waits have started. With {@link isRunning}, it tells whether a wait overlapped with something else. */
  get started(): number {
    return this.#started;
  }

  /** The reply to a wait was lost: its command may still be executed, much later. */
  get wasTakeLost(): boolean {
    return this.#wasTakeLost;
  }

  /** Returns what `keep` made of the element; undefined if none came. */
  async take<Kept>(
    signal: AbortSignal,
    keep: (element: Buffer) => Promise<Kept>,
  ): Promise<Kept | 'leaseLost' | undefined> {
    const { blocking, lists, takesFrom, waitMs } = this.at;
    await blocking.ready();
    if (signal.aborted) return undefined;
    const unblock = (): void => void this.#unblock();
    signal.addEventListener('abort', unblock, { once: true });
    this.#started += 1;
    this.#isRunning = true;
    try {
      await this.at.returned();
      if (!(await this.#isHeldWhere(blocking))) return 'leaseLost';
      const element = await blocking.runPurpose('wait for a message', (client) =>
        takesFrom === 'LEFT'
          ? client.blmoveBuffer(lists.waiting, lists.processing, 'LEFT', 'RIGHT', waitMs / 1_000)
          : client.blmoveBuffer(lists.waiting, lists.processing, 'RIGHT', 'RIGHT', waitMs / 1_000),
      );
      return element === null ? undefined : await keep(element);
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasTakeLost = true;
      throw error;
    } finally {
      this.#isRunning = false;
      signal.removeEventListener('abort', unblock);
    }
  }

  /**
   * Checked once each time the connection is opened: the Redis behind it may have forgotten the lease, and nobody would
   * look for what a wait puts into the list of an unknown consumer.
   */
  async #isHeldWhere(blocking: Connection): Promise<boolean> {
    while (this.#heldWhere !== blocking.serverId) {
      const opened = blocking.serverId;
      if (!(await this.at.isHeld())) return false;
      this.#heldWhere = opened;
    }
    return true;
  }

  /** Never rejects: if Redis cannot be asked to end the wait, the connection of the wait is replaced. */
  async #unblock(): Promise<void> {
    const { blocking, commands } = this.at;
    try {
      const id = await blocking.serverId;
      if (id === undefined) return blocking.reconnect();
      // Redis replies 0 if the wait was sent but has not arrived yet.
      while (
        this.#isRunning &&
        (await commands.run('end a wait', (client) => client.client('UNBLOCK', id))) === 0
      ) {
        await pause(UNBLOCK_AGAIN_MS, NEVER, nodeRuntime);
      }
    } catch {
      // This makes the wait reject, so its caller is told.
      blocking.reconnect();
    }
  }
}
