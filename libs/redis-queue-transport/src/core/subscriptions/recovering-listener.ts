import type { Runtime } from '../process/runtime.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { HistoryPage, Told } from './history-page.js';

export interface RecoveringEvents {
  deliver(element: Buffer): void;
  /** Events are missed for good: too old, or no longer kept. */
  missed(events: number): void;
  failed(error: unknown): void;
}

export interface HistorySource {
  /** Reads a part from an id on (from behind it, if it begins with `(`); without an id, no events. */
  read(from: string | undefined): Promise<HistoryPage>;
  nowMs(): number;
}

/**
 * Hears the events of one history live, and recovers missed ones from the history. Each live event has a number: as
 * long as it is the next one, it is handed on at once. If one is missing, and after each interruption, the history is
 * read from the last event to its end; events that arrive meanwhile are in it.
 */
export class RecoveringListener {
  #number = 0;
  #id = '0-0';
  /** The newest event that was heard while the history was being read. */
  #heard = '0-0';
  #reading: Promise<void> | undefined;
  #mustRead = false;
  /** The starting point is known. Before that, live events are only remembered, so as not to read the whole history. */
  #hasBegun = false;

  constructor(
    private readonly source: HistorySource,
    /** Events older than this, in ms, are not recovered. */
    private readonly withinMs: number,
    private readonly events: RecoveringEvents,
    private readonly stopped: AbortSignal,
    private readonly runtime: Runtime,
  ) {}

  /** Starts with events that are emitted from now on. Call it when live events already arrive. */
  async start(): Promise<void> {
    const { total, newest } = await this.source.read(undefined);
    this.#number = total;
    this.#id = newest;
    this.#hasBegun = true;
    if (this.#mustRead || isLater(this.#heard, newest)) this.catchUp();
  }

  hear({ number, id, element }: Told): void {
    if (!this.#hasBegun || this.#reading !== undefined) {
      if (isLater(id, this.#heard)) this.#heard = id;
    } else if (isLater(id, this.#id)) {
      // A large one is only announced.
      if (number === this.#number + 1 && element.length > 0)
        return this.#deliver({ number, id, element });
      this.#heard = id;
      this.catchUp();
    }
  }

  /** Some events may have been missed. */
  catchUp(): void {
    this.#mustRead = true;
    if (!this.#hasBegun) return;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
  }

  /** Never rejects. */
  async #readAll(): Promise<void> {
    const { stopped } = this;
    while (this.#mustRead && !stopped.aborted)
      await retryUntilStopped(
        () => this.#readOn(),
        stopped,
        (error) => this.events.failed(error),
        this.runtime,
      );
  }

  async #readOn(): Promise<void> {
    this.#mustRead = false;
    const oldestMs = Math.floor(this.source.nowMs() - this.withinMs);
    const isRecent = Number(this.#id.split('-')[0]) >= oldestMs;
    const from = isRecent ? `(${this.#id}` : String(Math.max(0, oldestMs));
    const { total, newest, events, readTo } = await this.source.read(from);
    if (this.stopped.aborted) return;
    for (const event of events) {
      if (event.number > this.#number + 1) this.events.missed(event.number - this.#number - 1);
      this.#deliver(event);
    }
    if (readTo === undefined) return this.#end(total, newest);
    this.#id = readTo;
    this.#mustRead = true;
  }

  /** All kept events were read. Those that are still missing are gone. */
  #end(total: number, newest: string): void {
    if (total > this.#number) this.events.missed(total - this.#number);
    this.#number = total;
    if (isLater(newest, this.#id)) this.#id = newest;
    // The event arrived after the history was read.
    if (isLater(this.#heard, this.#id)) this.#mustRead = true;
    this.#heard = this.#id;
  }

  #deliver({ number, id, element }: Told): void {
    this.#number = number;
    this.#id = id;
    this.events.deliver(element);
  }
}

function isLater(id: string, than: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [thanMs = 0, thanSequence = 0] = than.split('-').map(Number);
  return ms > thanMs || (ms === thanMs && sequence > thanSequence);
}
