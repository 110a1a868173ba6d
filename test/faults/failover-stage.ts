import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { RedisQueueClientOptions } from 'nestjs-redis-queue-transport';
import type { ConsumerProcess, ConsumerSettings } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import type { FailoverRig } from '../support/failover-rig.js';
import type { SendResult } from '../support/ledger.js';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import type { ReplicatedServer } from '../support/replicated-redis.js';
import { Stopwatch } from '../support/stopwatch.js';
import { FaultStage } from './fault-stage.js';

const GROUP = { name: 'audit', pattern: 'happened' };
const KEYS = 4;
const CONCURRENCY = 4;

/** What became of the messages of a round. */
export interface Books {
  readonly confirmed: number;
  /** Confirmed, but the server that took over never had them. */
  readonly lostByRedis: readonly string[];
  readonly handled: number;
  /** How often handlers ran beyond once for each message. */
  readonly duplicates: number;
}

/**
 * Senders of this process, consumers in others, and one round after the other in which the primary is replaced. Each
 * round ends at rest, so that a replica that is filled anew gets no messages unseen.
 */
export class FailoverStage {
  #sent = 0;
  #isSending = false;
  #sending: Promise<void> = Promise.resolve();
  /** Messages of rounds that are over. */
  readonly #closed = new Set<string>();
  readonly #byKey = new Map<string, number>();
  readonly consumers: ConsumerProcess[] = [];

  private constructor(
    private readonly rig: FailoverRig,
    readonly stage: FaultStage,
    private readonly connection: ConsumerSettings['url'],
  ) {}

  static async open(
    rig: FailoverRig,
    connection: ConsumerSettings['url'] = rig.connection,
    options: Pick<RedisQueueClientOptions, 'waitForReplicas'> = {},
  ): Promise<FailoverStage> {
    // Those that a failover has lost end with their time.
    const stage = await FaultStage.open(rig, connection, { requestTimeoutMs: 3_000, ...options });
    const opened = new FailoverStage(rig, stage, connection);
    rig.closeLater({ close: () => opened.stopSending() });
    // Each stage begins with the same ids.
    for (const { had } of rig.servers.servers) had.clear();
    return opened;
  }

  async startConsumer(
    connection: ConsumerSettings['url'] = this.connection,
    more: Pick<ConsumerSettings, 'addressFile'> = {},
    further: ConsumerSettings['options'] = {},
  ): Promise<ConsumerProcess> {
    const options = { concurrency: CONCURRENCY, ...further };
    const terms = { group: GROUP, ...more };
    const consumer = await this.stage.startConsumer(options, connection, terms);
    this.consumers.push(consumer);
    return consumer;
  }

  async closeConsumers(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
  }

  /** Sends messages with and without keys, durable events and requests, until told to stop. */
  startSending(): void {
    this.#isSending = true;
    const send = async (one: () => Promise<unknown>): Promise<void> => {
      while (this.#isSending) {
        await one();
        await pause(15);
      }
    };
    const { stage } = this;
    const id = (): string => `m${(this.#sent += 1)}`;
    this.#sending = Promise.all([
      send(() => stage.send(...[1, 2, 3].map(() => ({ id: id(), workMs: 3 })))),
      send(() => this.#sendInOrder()),
      send(() => stage.emit(GROUP.pattern, { id: `e${(this.#sent += 1)}`, workMs: 2 })),
      send(() => stage.ask({ id: `q${(this.#sent += 1)}` }).catch(() => pause(50))),
    ]).then(() => undefined);
  }

  /** Each message of a key once it is known what became of the one before. */
  async #sendInOrder(): Promise<SendResult[]> {
    const keys = Array.from({ length: KEYS }, (_, key) => `k${key}`);
    const messages = keys.flatMap((key) =>
      [1, 2].map(() => {
        const place = (this.#byKey.get(key) ?? 0) + 1;
        this.#byKey.set(key, place);
        return { id: `${key}-${place}`, key, workMs: 2 };
      }),
    );
    return this.stage.send(...messages);
  }

  async stopSending(): Promise<void> {
    this.#isSending = false;
    await this.#sending;
  }

  async untilBusy(): Promise<void> {
    const before = this.stage.entries().length;
    await eventually(
      () => expect(this.stage.entries().length).toBeGreaterThan(before + 60),
      20_000,
    );
  }

  /** Resolves when each of the consumers has started something of each queue that was sent after this call. */
  async untilGoingOn(consumers: readonly ConsumerProcess[] = this.consumers): Promise<Stopwatch> {
    const watch = Stopwatch.start();
    const since = this.#sent;
    const isNew = (id: string): boolean => Number(id.slice(1)) > since;
    await eventually(() => {
      for (const consumer of consumers.filter(({ hasEnded }) => !hasEnded)) {
        const started = consumer.journal.filter(({ event }) => event === 'start');
        const kinds = new Set(started.filter(({ id }) => isNew(id)).map(({ id }) => id.charAt(0)));
        expect([kinds.has('m') || kinds.has('q'), kinds.has('e')]).toEqual([true, true]);
      }
    }, 60_000).catch((error: unknown) => {
      throw new Error(`Nothing goes on: ${this.output}`, { cause: error });
    });
    return watch.stop();
  }

  get output(): string {
    return this.consumers.map((each) => each.output.slice(-3_000)).join('\n--\n');
  }

  /** Waits until no queue holds anything, and then checks the books. */
  async untilAtRest(deadlineMs = 30_000): Promise<void> {
    await eventually(async () => {
      for (const queue of [this.stage.queue, `@${GROUP.name}/${GROUP.pattern}`]) {
        const dump = await dumpQueue(this.rig.commands, this.rig.prefix, queue);
        const laned = [...dump.lanes.values()].flat().length;
        expect({
          waiting: dump.waiting.length + dump.suspects.length,
          delayed: dump.delayed.length,
          held: heldIn(dump),
          laned,
          out: dump.out.size,
          inLanes: dump.inLanes,
          dead: dump.dead.map(String),
        }).toEqual({ waiting: 0, delayed: 0, held: 0, laned: 0, out: 0, inLanes: 0, dead: [] });
      }
    }, deadlineMs).catch((error: unknown) => {
      throw new Error(`Not everything was handled: ${this.output}`, { cause: error });
    });
  }

  /**
   * Closes the books of a round: everything that the promoted server had was handled, nothing was that nobody sent, and
   * the last runs of the messages of each key came in order.
   */
  closeRound(
    promoted: ReplicatedServer,
    wasKept: (id: string) => boolean = (id) => promoted.had.has(id),
  ): Books {
    const { ledger } = this.stage;
    const isOfRound = (id: string): boolean => !this.#closed.has(id);
    const ends = ledger.idsOf('end').filter(isOfRound);
    const handled = new Set(ends);
    const confirmed = ledger.sent('confirmed').filter(isOfRound);
    const lostByRedis = confirmed.filter((id) => !handled.has(id) && !wasKept(id));
    expect(confirmed.filter((id) => !handled.has(id) && wasKept(id))).toEqual([]);
    const sent = new Set([...confirmed, ...ledger.sent('unknown')]);
    // A request is also rejected if its time is over, and a refused message must not run.
    expect(ends.filter((id) => !sent.has(id) && !id.startsWith('q'))).toEqual([]);
    expect(this.#disorder(ends, wasKept)).toEqual([]);
    for (const id of sent) this.#closed.add(id);
    for (const id of ends) this.#closed.add(id);
    return {
      confirmed: confirmed.length,
      lostByRedis,
      handled: handled.size,
      duplicates: ends.length - handled.size,
    };
  }

  /** What the promoted server never had can have been handled before, in its order then. */
  #disorder(ends: readonly string[], wasKept: (id: string) => boolean): string[] {
    const last = new Map(ends.map((id, index) => [id, index]));
    const found: string[] = [];
    for (const [key, most] of this.#byKey) {
      let before = -1;
      for (let place = 1; place <= most; place += 1) {
        const id = `${key}-${place}`;
        const at = last.get(id);
        if (at === undefined || !wasKept(id)) continue;
        if (at < before) found.push(id);
        before = at;
      }
    }
    return found;
  }
}
