import type { Runtime } from '../process/runtime.js';
import { retryUntilStopped } from '../process/until-stopped.js';
import type { HistoryPage, Told } from './history-page.js';
import { RecentPlaces } from './recent-places.js';

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
 *
 * After an interruption, another Redis may be the primary that never had the last events. Its history goes on from an
 * earlier place and gives their numbers to other events; if its clock is behind, their ids too. So the last event is
 * read again. If it is not there any more, the history is read from the first event that is remembered, and those that
 * are the same are left out.
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
  /** The connection was lost: what arrives may be of a history that has gone back. */
  #isCutOff = false;
  /** What the next read compares with the events that are remembered. */
  #comparison: 'nothing' | 'last' | 'all' = 'nothing';
  readonly #recent = new RecentPlaces();

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
    this.#recent.begin({ number: total, id: newest });
    if (this.#mustRead || isLater(this.#heard, newest)) this.catchUp();
  }

  hear(told: Told): void {
    const { number, id, element } = told;
    if (!this.#hasBegun || this.#isCutOff || this.#reading !== undefined) {
      if (isLater(id, this.#heard)) this.#heard = id;
    } else if (isLater(id, this.#id)) {
      // A large one is only announced.
      if (number === this.#number + 1 && element.length > 0) return this.#deliver(told);
      this.#heard = id;
      this.catchUp();
    } else if (!this.#recent.has(told)) {
      this.#goBack();
      this.catchUp();
    }
  }

  /** The connection is lost. What arrives before {@link resume} is read from the history. */
  interrupt(): void {
    this.#isCutOff = true;
  }

  /** The connection is restored. */
  resume(): void {
    this.#isCutOff = false;
    this.#heard = '0-0';
    this.#comparison = 'last';
    this.catchUp();
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
    const { total, newest, events, readTo } = await this.source.read(this.#start());
    // If the connection was lost and restored meanwhile, this may be the history of another Redis.
    if (this.stopped.aborted || this.#mustRead) return;
    if (this.#comparison === 'last' && !this.#hasLast(events[0])) return this.#goBack();
    for (const event of events) this.#take(event);
    if (readTo === undefined) return this.#end(total, newest);
    if (this.#comparison === 'last') this.#comparison = 'nothing';
    this.#id = readTo;
    this.#mustRead = true;
  }

  #start(): string {
    const oldestMs = Math.max(0, Math.floor(this.source.nowMs() - this.withinMs));
    if (Number(this.#id.split('-')[0]) >= oldestMs)
      return this.#comparison === 'last' ? this.#id : `(${this.#id}`;
    // The last event is too old to be read again.
    if (this.#comparison === 'last') this.#comparison = 'all';
    return String(oldestMs);
  }

  #hasLast(event: Told | undefined): boolean {
    return event?.id === this.#id && this.#recent.has(event);
  }

  #goBack(): void {
    this.#comparison = 'all';
    this.#id = this.#recent.first ?? this.#id;
    this.#mustRead = true;
  }

  #take(event: Told): void {
    const { number, id } = event;
    if (this.#recent.has(event)) {
      this.#number = number;
      this.#id = id;
      return;
    }
    if (number > this.#number + 1) this.events.missed(number - this.#number - 1);
    this.#deliver(event);
  }

  /** All kept events were read. Those that are still missing are gone. */
  #end(total: number, newest: string): void {
    if (total > this.#number) this.events.missed(total - this.#number);
    this.#number = total;
    if (this.#comparison === 'all' || isLater(newest, this.#id)) this.#id = newest;
    this.#comparison = 'nothing';
    // The event arrived after the history was read.
    if (isLater(this.#heard, this.#id)) this.#mustRead = true;
    this.#heard = this.#id;
  }

  #deliver(event: Told): void {
    this.#number = event.number;
    this.#id = event.id;
    this.#recent.add(event);
    this.events.deliver(event.element);
  }
}

function isLater(id: string, than: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [thanMs = 0, thanSequence = 0] = than.split('-').map(Number);
  return ms > thanMs || (ms === thanMs && sequence > thanSequence);
}
