import type { BaseAdapter } from '@bull-board/api/baseAdapter';
import type { BullBoardQueues } from '@bull-board/api/typings/app';

/** How long a list of queues is used before it is read again. */
const FRESH_MS = 5_000;

/**
 * Makes the adapter of a queue; with `isTaken`, under another name, since another queue on the board has the plain one.
 */
export type MakeAdapter = (queue: string, isTaken: boolean) => BaseAdapter;

/** Our queues on one board, beside those of others. */
export class ShownQueues {
  readonly #shown = new Map<string, BaseAdapter>();
  #refreshing: Promise<void> | undefined;
  #freshUntilMs = 0;

  constructor(
    private readonly board: BullBoardQueues,
    private readonly listQueues: () => Promise<readonly string[]>,
    private readonly makeAdapter: MakeAdapter,
  ) {}

  /**
   * Makes one call for all that ask at the same time, and none for some seconds after it. Rejects like `listQueues`.
   */
  refreshed(): Promise<void> {
    if (performance.now() < this.#freshUntilMs) return Promise.resolve();
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const queues = await this.listQueues();
    for (const [queue, adapter] of this.#shown) {
      const name = adapter.getName();
      const isOurs = this.board.get(name) === adapter;
      if (isOurs && queues.includes(queue)) continue;
      if (isOurs) this.board.delete(name);
      this.#shown.delete(queue);
    }
    for (const queue of queues) if (!this.#shown.has(queue)) this.#show(queue);
    this.#freshUntilMs = performance.now() + FRESH_MS;
  }

  #show(queue: string): void {
    const plain = this.makeAdapter(queue, false);
    const isTaken = this.board.has(plain.getName());
    const adapter = isTaken ? this.makeAdapter(queue, true) : plain;
    this.#shown.set(queue, adapter);
    this.board.set(adapter.getName(), adapter);
  }
}
