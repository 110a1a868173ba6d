import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { RedisQueueClient } from 'nestjs-redis-queue-transport';
import type { ConnectionOption, RedisQueueClientOptions } from 'nestjs-redis-queue-transport';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { ConsumerProcess } from '../support/consumer-process.js';
import type { ConsumerSettings, TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { readJournal } from '../support/journal.js';
import type { JournalEntry } from '../support/journal.js';
import { Ledger } from '../support/ledger.js';
import type { Account, SendResult } from '../support/ledger.js';
import { dumpQueue, heldIn, waitingIn } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { RedisRig } from '../support/redis-rig.js';
import { recordOf } from '../support/test-record.js';

/** As short as the options allow, so that a test that needs a lease to end takes a second. */
export const LEASE_MS = 1_000;
/** Consumers look for ended leases whenever they renew their own. */
export const RECLAIM_EVERY_MS = LEASE_MS / 3;
/** A request expires when its caller stops waiting: by default after this time, in some tests sooner. */
const REQUEST_MS = 10_000;
/** Enough for a machine that has other work to do. */
export const SLACK_MS = 1_000;

/** One queue, consumer processes, a client, and the books of what became of each message. */
export class FaultStage {
  readonly queue = 'work';
  readonly ledger = new Ledger(() => this.entries());
  #client: RedisQueueClient;
  readonly processes: ConsumerProcess[] = [];

  private constructor(
    private readonly rig: RedisRig,
    private readonly journal: string,
    private readonly options: RedisQueueClientOptions,
  ) {
    this.#client = this.#openClient();
    this.rig.mayRemain(/}[^:]*:fenced$/);
  }

  /** @param connection for the client; without one it connects directly to the rig's Redis */
  static async open(
    rig: RedisRig,
    connection: ConnectionOption = rig.connection,
    options: Pick<
      RedisQueueClientOptions,
      'parkAboveBytes' | 'compressAboveBytes' | 'requestTimeoutMs' | 'waitForReplicas'
    > = {},
  ): Promise<FaultStage> {
    Logger.overrideLogger(false);
    const directory = await mkdtemp(join(tmpdir(), 'faults-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
    return new FaultStage(rig, join(directory, 'journal'), { ...options, connection });
  }

  #openClient(): RedisQueueClient {
    return this.rig.closeLater(new RedisQueueClient({ ...this.options, prefix: this.rig.prefix }));
  }

  get client(): RedisQueueClient {
    return this.#client;
  }

  /** As when the sender is deployed anew: what is sent from now on goes through another client, and the old one ends. */
  async replaceClient(): Promise<void> {
    const old = this.#client;
    this.#client = this.#openClient();
    await old.close();
  }

  async startConsumer(
    options: ConsumerSettings['options'] = {},
    url: ConsumerSettings['url'] = this.rig.connection,
    more: Pick<
      ConsumerSettings,
      | 'hears'
      | 'group'
      | 'addressFile'
      | 'clockAheadMs'
      | 'limit'
      | 'maxLength'
      | 'perKey'
      | 'sleeps'
    > = {},
  ): Promise<ConsumerProcess> {
    const { prefix } = this.rig;
    const { queue, journal } = this;
    const settings = { url, prefix, queue, journal, leaseMs: LEASE_MS, options, ...more };
    const started = this.rig.closeLater(await ConsumerProcess.start(settings));
    this.processes.push(started);
    return started;
  }

  /** Enqueues in this order, each call right after the one before. */
  send(...messages: readonly TestMessage[]): Promise<SendResult[]> {
    return Promise.all(
      messages.map((message) =>
        this.ledger.send(message.id, () =>
          firstValueFrom(this.client.enqueue(this.queue, recordOf(message).build())),
        ),
      ),
    );
  }

  /** Emits a durable event, which the books cover like a message. */
  emit(pattern: string, message: TestMessage): Promise<SendResult> {
    return this.ledger.send(message.id, () =>
      firstValueFrom(this.client.emit(pattern, recordOf(message).build())),
    );
  }

  /** Sends a request, which the books cover like every other message. Returns the reply, or rejects as the call did. */
  async ask(message: TestMessage, client = this.client): Promise<unknown> {
    const reply = lastValueFrom(client.send<unknown>(this.queue, recordOf(message).build()));
    await this.ledger.send(message.id, () => reply, { expiresInMs: REQUEST_MS });
    return reply;
  }

  entries(): JournalEntry[] {
    return readJournal(this.journal);
  }

  async dump(): Promise<QueueDump> {
    const commands = await this.rig.commandsFor(`{${this.queue}}`);
    return dumpQueue(commands, this.rig.prefix, this.queue);
  }

  /** Waits until every message has its home. If it fails, the error shows the output of all processes. */
  async untilAllHome(deadlineMs = 15_000): Promise<void> {
    try {
      await eventually(async () => {
        const dump = await this.dump();
        expect(this.ledger.isAllHome(dump)).toBe(true);
        expect([
          waitingIn(dump).length + dump.suspects.length,
          dump.lanes.size,
          dump.delayed.length,
          heldIn(dump),
        ]).toEqual([0, 0, 0, 0]);
      }, deadlineMs);
    } catch (error) {
      const output = this.processes.map((each) => each.output).join('\n');
      throw new Error(`Not every message came home: ${output}`, { cause: error });
    }
  }

  /** The invariant of all fault tests. */
  async balance(mostDuplicates: number): Promise<Account> {
    const account = this.ledger.account(await this.dump());
    expect(account.violations).toEqual([]);
    expect(account.duplicates).toBeLessThanOrEqual(mostDuplicates);
    return account;
  }
}
