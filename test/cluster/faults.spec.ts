import { setTimeout as pause } from 'node:timers/promises';
import { expect, jest, test } from '@jest/globals';
import { clusterRig } from '../support/cluster-rig.js';
import { eventually } from '../support/eventually.js';
import type { ClusterServer } from '../support/redis-cluster.js';
import { FaultStage } from '../faults/fault-stage.js';

jest.setTimeout(180_000);

const rig = clusterRig();

const QUEUE = '{work}';
const KEYS = 3;

/** Senders of this process, consumers in others, and one fault. Nothing that was confirmed may be lost. */
class Load {
  #sent = 0;
  #isSending = true;
  readonly #places = new Map<string, number>();
  readonly #sending: Promise<unknown>;

  private constructor(
    readonly stage: FaultStage,
    /** Its groups are at the node of the queue. */
    readonly pattern: string,
  ) {
    this.#sending = Promise.all([
      this.#repeat(() => this.stage.send(...[1, 2, 3].map(() => ({ id: this.#id(), workMs: 2 })))),
      this.#repeat(() => this.#sendInOrder()),
      this.#repeat(() => this.stage.emit(this.pattern, { id: this.#id('e'), workMs: 2 })),
      this.#repeat(() => this.stage.ask({ id: this.#id('q') }).catch(() => pause(50))),
    ]);
  }

  static async open(): Promise<Load> {
    const stage = await FaultStage.open(rig, rig.connection, {
      requestTimeoutMs: 3_000,
      // Else a primary that dies takes along what its replica did not have.
      waitForReplicas: { count: 1, timeoutMs: 1_000 },
    });
    const pattern = await patternBeside(QUEUE);
    const group = { name: 'audit', pattern };
    const start = (): Promise<unknown> => stage.startConsumer({}, rig.connection, { group });
    await Promise.all([start(), start()]);
    const load = new Load(stage, pattern);
    rig.closeLater({ close: () => load.stop() });
    await load.untilGoingOn();
    return load;
  }

  /** Resolves when each consumer has started a message and an event that were sent after this call. */
  async untilGoingOn(): Promise<void> {
    const since = this.#sent;
    await eventually(() => {
      for (const { journal } of this.stage.processes)
        for (const isOfKind of [isEvent, isMessage])
          expect(
            journal.some(
              ({ event, id }) => event === 'start' && isOfKind(id) && Number(id.slice(1)) > since,
            ),
          ).toBe(true);
    }, 60_000).catch((error: unknown) => {
      const output = this.stage.processes
        .map(({ output: text }) => text.slice(-2_000))
        .join('\n--\n');
      throw new Error(`Nothing goes on: ${output}`, { cause: error });
    });
  }

  async stop(): Promise<void> {
    this.#isSending = false;
    await this.#sending;
  }

  /** Checks the books once everything is at rest. */
  async check(): Promise<void> {
    await this.stop();
    await rig.cluster.untilHealthy();
    await this.stage.untilAllHome(40_000);
    const { violations } = this.stage.ledger.account(await this.stage.dump());
    // A request is also rejected if its time is over, and may have been handled before.
    const isOfRequest = (id: string): boolean => id.startsWith('q');
    expect(
      violations.filter(
        ({ what, ids }) => what !== 'rejected, but there' || !ids.every(isOfRequest),
      ),
    ).toEqual([]);
    expect(this.stage.ledger.sent('confirmed').length).toBeGreaterThan(20);
  }

  #id(kind = 'm'): string {
    return `${kind}${(this.#sent += 1)}`;
  }

  async #repeat(one: () => Promise<unknown>): Promise<void> {
    while (this.#isSending) {
      await one();
      await pause(10);
    }
  }

  async #sendInOrder(): Promise<unknown> {
    const keys = Array.from({ length: KEYS }, (_, key) => `k${key}`);
    return this.stage.send(
      ...keys.map((key) => {
        const place = (this.#places.get(key) ?? 0) + 1;
        this.#places.set(key, place);
        return { id: `${key}-${place}`, key, workMs: 2 };
      }),
    );
  }
}

function isEvent(id: string): boolean {
  return id.startsWith('e');
}

function isMessage(id: string): boolean {
  return /^[mq]/.test(id);
}

/** The name of an event whose groups are at the same node. */
async function patternBeside(key: string): Promise<string> {
  const primary = await rig.cluster.primaryOf(key);
  for (let number = 0; ; number += 1) {
    const pattern = `happened.${number}`;
    if ((await rig.cluster.primaryOf(`{${pattern}}`)) === primary) return pattern;
  }
}

async function another(than: ClusterServer): Promise<ClusterServer> {
  const [other] = (await rig.cluster.primaries()).filter((server) => server !== than);
  if (other === undefined) throw new Error('There is no other primary.');
  return other;
}

test('slots that move, again and again, lose nothing', async () => {
  const load = await Load.open();
  for (let round = 0; round < 4; round += 1) {
    const owner = await rig.cluster.primaryOf(QUEUE);
    const target = await another(owner);
    await rig.cluster.moveSlot(QUEUE, target, () => pause(30), 2);
    await rig.cluster.moveSlot(`{${load.pattern}}`, target, () => pause(30), 2);
    await load.untilGoingOn();
  }
  await load.check();
});

test('a replica that takes over in order loses nothing', async () => {
  const load = await Load.open();
  await rig.cluster.handOver(await rig.cluster.primaryOf(QUEUE));
  await load.untilGoingOn();
  await load.check();
});

test.each(['killed', 'stopped'])('a primary that is %s is followed by its replica', async (how) => {
  const load = await Load.open();
  const primary = await rig.cluster.primaryOf(QUEUE);
  if (how === 'killed') await primary.redis.kill();
  else primary.redis.pause();
  await eventually(
    async () => expect(await rig.cluster.primaryOf(QUEUE, primary)).not.toBe(primary),
    30_000,
  );
  await load.untilGoingOn();
  if (how === 'killed') await primary.redis.restart();
  else primary.redis.resume();
  await load.check();
});

test('a node that joins gets queues, and one that leaves hands them on', async () => {
  const load = await Load.open();
  const before = await rig.cluster.primaryOf(QUEUE);
  const added = await rig.cluster.add();
  await rig.cluster.moveSlot(QUEUE, added);
  await load.untilGoingOn();
  await rig.cluster.moveSlot(QUEUE, before);
  await load.untilGoingOn();
  await rig.cluster.remove(added);
  await load.untilGoingOn();
  await load.check();
});
