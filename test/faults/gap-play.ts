import { expect } from '@jest/globals';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type { ConsumerProcess, TestMessage } from '../support/consumer-process.js';
import { attemptOf, idOf } from '../support/element.js';
import { eventually } from '../support/eventually.js';
import { machineMs } from '../support/journal.js';
import type { JournalEvent } from '../support/journal.js';
import { Proxy } from '../support/proxy.js';
import type { HeldFrame, Match } from '../support/proxy.js';
import { queueKey } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { RedisRig } from '../support/redis-rig.js';
import { WITHIN_MS } from './keyed-scene.js';
import type { KeyedScene } from './keyed-scene.js';

/** So many calls may be others than the one that is meant. */
const MOST_CALLS = 300;

/** A moment in which a process may die: one of its calls is under way. */
export interface Gap {
  /** The call has not reached Redis, or its reply has not come. */
  readonly holds: 'request' | 'reply';
  readonly match: Match;
  /**
   * Whether the call that is held back is the one that is meant, if not each of them is. Otherwise it passes, and the next one
   * is held back.
   */
  readonly isThere?: (moment: Moment, play: GapPlay) => boolean;
  /** Sends something, again and again until the process is in its gap. */
  readonly step?: (play: GapPlay) => Promise<void>;
  /** What leads the process there, if not what is sent. */
  readonly strike?: (play: GapPlay) => Promise<void>;
}

/** What Redis and the process say while its call is held back. */
export interface Moment {
  /** What it holds, and the last that its handlers noted of each. */
  readonly held: readonly { readonly id: string; readonly event: JournalEvent | undefined }[];
  /** What failed in it, and did not start again there. */
  readonly failed: ReadonlySet<string>;
  readonly suspects: readonly string[];
  readonly delayed: readonly string[];
  readonly dead: readonly string[];
  /** Whether the last message that it sent itself is there, or was handled. */
  readonly isOwnThere: boolean;
}

/** A process that is to die, and what is between it and Redis. */
interface Victim {
  readonly process: ConsumerProcess;
  readonly proxy: Proxy;
}

/** Processes that die one after the other, each in another gap, while others live on. */
export class GapPlay {
  /** The ids of requests to which a reply came. */
  readonly answered = new Set<string>();
  /** When Redis last had the lease of each process that died. */
  readonly #lastSeenMs = new Map<number, number>();
  #own = '';
  #sending: Promise<void> = Promise.resolve();
  #victim: ConsumerProcess | undefined;

  constructor(
    private readonly rig: RedisRig,
    readonly scene: KeyedScene,
    /** It waits for replies for as long as it may take. */
    readonly client: RedisQueueClient,
  ) {}

  /**
   * For each gap, has one more process work, kills it there, and expects that others go on, and that nothing is wrong. The
   * process for the next gap starts meanwhile.
   */
  async dieInEach(gaps: Readonly<Record<string, Gap>>): Promise<void> {
    let ahead = Object.keys(gaps).length;
    let next = this.#startVictim();
    for (const [name, gap] of Object.entries(gaps)) {
      const victim = await next;
      try {
        const frame = await this.#killIn(gap, victim);
        if ((ahead -= 1) > 0) next = this.#startVictim();
        await this.#expectNothingWrong(frame);
      } catch (error) {
        await next;
        throw new Error(`In the gap "${name}"`, { cause: error });
      }
    }
  }

  /** Has a process work alone, and kills it in this gap, so that there is none. */
  async dieAloneIn(gap: Gap): Promise<void> {
    const frame = await this.#killIn(gap, await this.#startVictim());
    await this.#sending;
    await this.#arrive(frame);
  }

  /** Has the process send the next message of its own key. */
  async sendItself(more: Partial<TestMessage>): Promise<void> {
    const message = { ...this.scene.next('own'), ...more };
    this.#own = message.id;
    await this.scene.stage.ledger.send(message.id, () => this.#process.enqueue(message));
  }

  /** Sends SIGTERM to the process once one of its handlers runs. */
  async stopWhileItRuns(): Promise<void> {
    const victim = this.#process;
    await eventually(() => expect(victim.journal.at(-1)?.event).toBe('start'), WITHIN_MS);
    victim.signal('SIGTERM');
  }

  async #startVictim(): Promise<Victim> {
    const proxy = this.rig.closeLater(await Proxy.start(this.rig.redis.port));
    return { proxy, process: await this.scene.start({}, proxy.url) };
  }

  get #process(): ConsumerProcess {
    if (this.#victim === undefined) throw new Error('No process is to die.');
    return this.#victim;
  }

  async #expectNothingWrong(frame: HeldFrame): Promise<void> {
    const { scene } = this;
    await this.#untilTakenBack();
    await this.#sending;
    await this.#arrive(frame);
    await scene.expectKept(this.#lastSeenMs);
    await scene.expectAllPlaces();
  }

  /** Resolves when the process is dead. What it was calling is still under way. */
  async #killIn(gap: Gap, { process, proxy }: Victim): Promise<HeldFrame> {
    this.#victim = process;
    const reaching = this.#reach(gap, proxy);
    let isOver = false;
    this.rig.closeLater({ close: () => (isOver = true) }); // a test that fails does not end it
    const send = async (step: Gap['step']): Promise<void> => {
      while (step !== undefined && !isOver) await step(this);
    };
    this.#sending = send(gap.step);
    const [frame] = await Promise.all([reaching, gap.strike?.(this)]);
    isOver = true;
    await this.scene.dismiss(process).kill();
    return frame;
  }

  /** What was under way when the process died may arrive long after. */
  async #arrive(frame: HeldFrame): Promise<void> {
    frame.release();
    await this.#untilDisconnected();
    expectTrueCounts(await this.scene.stage.dump());
  }

  /** Resolves while the call is held back. */
  async #reach(gap: Gap, proxy: Proxy): Promise<HeldFrame> {
    for (let calls = 0; calls < MOST_CALLS; calls += 1) {
      const frame =
        gap.holds === 'request' ? proxy.holdRequest(gap.match) : proxy.holdReply(gap.match);
      await happens(frame);
      const dump = await this.scene.stage.dump();
      expectTrueCounts(dump);
      if (gap.isThere?.(this.#momentOf(dump), this) !== false) return frame;
      frame.release();
    }
    throw new Error('The process did not get there.');
  }

  #momentOf(dump: QueueDump): Moment {
    const { journal, pid } = this.#process;
    const handlings = new Map(journal.map(({ id, attempt, event }) => [`${id} ${attempt}`, event]));
    const latest = new Map(journal.map(({ id, event }) => [id, event]));
    const elements = [...dump.processing].flatMap(([consumer, held]) =>
      isOf(pid, consumer) ? held : [],
    );
    const everywhere = [
      ...[dump.waiting, dump.suspects, dump.delayed, dump.dead],
      ...[dump.levels, dump.lanes, dump.processing].flatMap((lists) => [...lists.values()]),
    ];
    const there = new Set([
      ...everywhere.flat().map(idOf),
      ...this.scene.stage.ledger.idsOf('end'),
    ]);
    return {
      held: elements.map((element) => {
        const id = idOf(element);
        return { id, event: handlings.get(`${id} ${attemptOf(element)}`) };
      }),
      failed: new Set([...latest].filter(([, event]) => event === 'threw').map(([id]) => id)),
      suspects: dump.suspects.map(idOf),
      delayed: dump.delayed.map(idOf),
      dead: dump.dead.map(idOf),
      isOwnThere: there.has(this.#own),
    };
  }

  /** Waits until others have taken back what the process held. */
  async #untilTakenBack(): Promise<void> {
    const { pid } = this.#process;
    const consumers = queueKey(this.rig.prefix, this.scene.stage.queue, 'consumers');
    this.#lastSeenMs.set(pid, -Infinity);
    await eventually(async () => {
      const askedMs = machineMs();
      const names = await this.rig.commands.zrange(consumers, '0', '-1');
      const isThere = names.some((name) => isOf(pid, name));
      if (isThere) this.#lastSeenMs.set(pid, askedMs);
      expect(isThere).toBe(false);
    }, WITHIN_MS);
  }

  /** Waits until Redis has executed everything that the process sent. */
  async #untilDisconnected(): Promise<void> {
    const { pid } = this.#process;
    await eventually(async () => {
      const list = String(await this.rig.commands.client('LIST'));
      expect(
        [...list.matchAll(/ name=(rq-\S+)/g)].filter(([, name = '']) => isOf(pid, name)),
      ).toEqual([]);
    });
  }
}

function isOf(pid: number, name: string): boolean {
  return name.includes(`-${pid}-`);
}

async function happens(frame: HeldFrame): Promise<void> {
  let hasHappened = false;
  void frame.happened.then(() => (hasHappened = true));
  await eventually(() => expect(hasHappened).toBe(true), WITHIN_MS);
}
