import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import type { RedisOptions } from 'ioredis';
import { RedisRefusedError } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient, RedisQueueError } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { Cable } from '../support/cable.js';
import { eventually } from '../support/eventually.js';
import { failoverRig } from '../support/failover-rig.js';
import type { Ledger } from '../support/ledger.js';
import { SENTINEL_NAME } from '../support/replicated-redis.js';
import { rounds, timeFor } from '../support/seed.js';
import type { Stopwatch } from '../support/stopwatch.js';
import { recordOf } from '../support/test-record.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

jest.setTimeout(timeFor(1, 150_000));

/** In whole seconds, as short as Redis allows. */
const MOST_LAG_MS = 1_000;
/** Redis counts lagging replicas once a second, a lag in whole seconds, and hears of each replica once a second. */
const COUNTED_MS = 3_000;
const RESUMPTION_MS = 2_000;
const DELAY_MS = 3_500;
/** How long both sides go on if none of them refuses anything. */
const CUT_OFF_MS = 1_500;

const rig = failoverRig({
  hasCables: true,
  settings: { 'min-replicas-max-lag': String(MOST_LAG_MS / 1_000) },
});

/** How a call of the producer behind the cut ended. */
interface Sent {
  readonly id: string;
  readonly code: string;
  readonly atMs: number;
}

class Insider {
  readonly sent: Sent[] = [];
  #isSending = true;
  readonly #sending: Promise<void>;

  constructor(
    private readonly client: RedisQueueClient,
    private readonly ledger: Ledger,
  ) {
    this.#sending = this.#sendOn();
  }

  get confirmed(): readonly Sent[] {
    return this.sent.filter(({ code }) => code === 'confirmed');
  }

  async stop(): Promise<void> {
    this.#isSending = false;
    await this.#sending;
  }

  async #sendOn(): Promise<void> {
    for (let number = 1; this.#isSending; number += 1) {
      const id = `inside-${number}`;
      let code = 'confirmed';
      const record = recordOf({ id });
      // The consumer on this side cannot handle it before Redis refuses to hand it out.
      if (number % 2 === 0) record.delay(DELAY_MS);
      const call = lastValueFrom(this.client.enqueue('work', record.build()));
      await this.ledger.send(id, () =>
        call.catch((error: RedisQueueError) => {
          code = error instanceof RedisRefusedError ? error.reply : error.code;
          throw error;
        }),
      );
      this.sent.push({ id, code, atMs: performance.now() });
      await pause(10);
    }
  }
}

/** The way of those who stand beside the primary: to the Sentinels by cables, and to each server by its own port. */
async function wayInside(): Promise<{ connection: RedisOptions; cables: readonly Cable[] }> {
  const { sentinels, servers } = rig.servers;
  const cables = await Promise.all(sentinels.map(({ port }) => Cable.start(port)));
  for (const cable of cables) rig.closeLater(cable);
  const at = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });
  const connection: RedisOptions = {
    sentinels: cables.map(({ port }) => at(port)),
    name: SENTINEL_NAME,
    // So that it does not learn of the other ways to the Sentinels.
    updateSentinels: false,
    natMap: Object.fromEntries(servers.map(({ door, port }) => [`127.0.0.1:${door}`, at(port)])),
  };
  return { connection, cables };
}

/** Whether a primary without replicas refuses writes. */
async function refuseWithoutReplicas(refuses: boolean): Promise<void> {
  for (const { commands } of rig.servers.servers)
    await commands.config('SET', 'min-replicas-to-write', refuses ? '1' : '0');
}

interface Cut {
  readonly insider: Insider;
  readonly cutAt: number;
  readonly mendedAt: number;
  readonly resumption: Stopwatch;
  /** Calls from the old primary's side that were confirmed, and of which nothing is left. */
  readonly lost: readonly Sent[];
}

/** Cuts the network around the old primary, lets both sides go on, mends it, and closes the books. */
async function cutAndMend(whileCut: (insider: Insider) => Promise<unknown>): Promise<Cut> {
  const old = rig.servers.primary;
  const stage = await FailoverStage.open(rig);
  const inside = await wayInside();
  const outsiders = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
  await stage.startConsumer(inside.connection);
  const insider = new Insider(rig.client({ connection: inside.connection }), stage.stage.ledger);
  rig.closeLater({ close: () => insider.stop() });
  stage.startSending();
  await stage.untilBusy();

  const cutAt = performance.now();
  for (const cable of [...inside.cables, old.cable]) cable?.cut();
  const promoted = await rig.servers.promoted();
  const resumption = await stage.untilGoingOn(outsiders);
  expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));
  await whileCut(insider);

  const mendedAt = performance.now();
  for (const cable of [...inside.cables, old.cable]) cable?.mend();
  await eventually(async () => expect((await old.info())['role']).toBe('slave'), 30_000);
  const before = insider.sent.length;
  await eventually(
    () => expect(insider.sent.slice(before).map(({ code }) => code)).toContain('confirmed'),
    30_000,
  );
  await stage.untilGoingOn();
  await stage.stopSending();
  await insider.stop();
  await rig.servers.heal();
  await stage.untilAtRest();

  const books = stage.closeRound(promoted);
  noteRound('cut', resumption.tookMs, books);
  await stage.closeConsumers();
  const lost = insider.confirmed.filter(({ id }) => books.lostByRedis.includes(id));
  return { insider, cutAt, mendedAt, resumption, lost };
}

describe('a network that is cut while the old primary lives on behind it', () => {
  test('loses what it still confirmed, and no more, and all go on when it is mended', async () => {
    await refuseWithoutReplicas(true);
    for (let round = 0; round < rounds(1); round += 1) {
      const { insider, cutAt, mendedAt, resumption, lost } = await cutAndMend((sender) =>
        eventually(() => expect(sender.sent.at(-1)?.code).toBe('NOREPLICAS')),
      );
      const refusedAt = insider.sent.find(({ code }) => code === 'NOREPLICAS')?.atMs ?? Infinity;
      expect(lost.length).toBeGreaterThan(0);
      // Those that Redis had not sent yet, and those that it took before it noticed.
      expect(lost.filter(({ atMs }) => atMs < cutAt - COUNTED_MS || atMs > refusedAt)).toEqual([]);
      expect(refusedAt - cutAt).toBeLessThan(resumption.limit(MOST_LAG_MS + COUNTED_MS));
      const between = insider.confirmed.filter(({ atMs }) => atMs > refusedAt && atMs < mendedAt);
      expect(between).toEqual([]);
    }
  });

  test('without min-replicas-to-write, loses what it confirmed until it was mended, and no more', async () => {
    await refuseWithoutReplicas(false);
    for (let round = 0; round < rounds(1); round += 1) {
      const { insider, cutAt, mendedAt, lost } = await cutAndMend(() => pause(CUT_OFF_MS));
      const behind = insider.sent.filter(({ atMs }) => atMs > cutAt && atMs < mendedAt);
      expect(behind.filter(({ code }) => code !== 'confirmed')).toEqual([]);
      expect(lost.length).toBeGreaterThan(0);
      // It learns only now that it is the primary no more.
      expect(
        lost.filter(({ atMs }) => atMs < cutAt - COUNTED_MS || atMs > mendedAt + COUNTED_MS),
      ).toEqual([]);
    }
  });
});
