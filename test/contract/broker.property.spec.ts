import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Lease,
  LeaseTerms,
  Settlement,
  TrialStep,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, rounds, timeFor } from '../support/seed.js';
import { ENDED_MS } from './broker-world.js';
import { counts, element, ids, brought } from './elements.js';
import { QueueModel } from './queue-model.js';
import type { ModelMessage, ModelOutcome } from './queue-model.js';
import { RedisWorld } from './redis-world.js';

const ROUNDS = 100;
jest.setTimeout(timeFor(ROUNDS, 120_000));

const rig = redisRig();
const world = new RedisWorld(rig);

const CONSUMERS = 3;
const TERMS: LeaseTerms = {
  leaseMs: 60_000,
  deadLetterLimit: 1_000,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 1_000,
};

/** A step that one consumer may take, or that may happen to it. */
interface Step<Kind extends string> {
  readonly kind: Kind;
  readonly consumer: number;
}
type Simple = Step<'wait' | 'endLease' | 'renew' | 'leave' | 'lateTake' | 'repeat'>;
type Exchanging = Step<'exchange'> & {
  readonly outcomes: ModelOutcome[];
  readonly take: number;
  readonly trial: TrialStep | undefined;
};
type Reclaiming = Step<'reclaim'> & { readonly by: number };
type Command = { readonly kind: 'push' } | Simple | Exchanging | Reclaiming;

const consumer = fc.nat(CONSUMERS - 1);
const outcome = fc.constantFrom<ModelOutcome[]>('ack', 'release', 'retry', 'deadLetter', 'expired');
const push = fc.constant<Command>({ kind: 'push' });
const simple: fc.Arbitrary<Command> = fc.record<Simple>({
  kind: fc.constantFrom('wait', 'endLease', 'renew', 'leave', 'lateTake', 'repeat'),
  consumer,
});
const exchanging: fc.Arbitrary<Command> = fc.record<Exchanging>({
  kind: fc.constant('exchange'),
  consumer,
  outcomes: fc.array(outcome, { maxLength: 3 }),
  take: fc.nat(4),
  trial: fc.constantFrom<(TrialStep | undefined)[]>(
    undefined,
    'claim',
    'claimIfEmpty',
    'keep',
    'next',
    'yield',
  ),
});
const reclaiming: fc.Arbitrary<Command> = fc.record<Reclaiming>({
  kind: fc.constant('reclaim'),
  consumer,
  by: consumer,
});
const command = fc.oneof(
  { weight: 6, arbitrary: push },
  { weight: 8, arbitrary: exchanging },
  { weight: 5, arbitrary: simple },
  { weight: 3, arbitrary: reclaiming },
);

/** A queue in Redis and its model, side by side. */
class Pair {
  readonly model = new QueueModel();
  readonly #leases: Lease[] = [];
  /** The elements that each consumer holds, in the order of the model. */
  readonly #held: Buffer[][] = [];
  #last: { lease: Lease; settlements: Settlement[] } | undefined;
  #pushed = 0;

  constructor(
    private readonly broker: Broker,
    private readonly queue: string,
  ) {}

  async join(): Promise<void> {
    this.#leases.push(await this.broker.join(this.queue, TERMS, () => undefined));
    this.#held.push([]);
    this.model.join();
  }

  async run(next: Command): Promise<void> {
    switch (next.kind) {
      case 'push':
        return this.#push();
      case 'exchange':
        return this.#exchange(next.consumer, next.outcomes, next.take, next.trial);
      case 'repeat':
        return this.#repeat();
      case 'wait':
        return this.#wait(next.consumer);
      case 'endLease':
        await world.endLease(this.queue, this.#lease(next.consumer).consumer);
        return this.model.endLease(next.consumer);
      case 'renew':
        return this.#renew(next.consumer);
      case 'leave':
        await this.#lease(next.consumer).leave();
        this.#held[next.consumer] = [];
        return this.model.leave(next.consumer);
      case 'lateTake':
        return this.#lateTake(next.consumer);
      case 'reclaim':
        return this.#reclaim(next.consumer, next.by);
    }
  }

  async #push(): Promise<void> {
    this.#pushed += 1;
    const id = `m${this.#pushed}`;
    await this.broker.push(this.queue, id, element(id));
    this.model.push(id);
  }

  async #exchange(
    index: number,
    outcomes: readonly ModelOutcome[],
    take: number,
    trial: TrialStep | undefined,
  ): Promise<void> {
    const held = this.#held[index] ?? [];
    const chosen = new Map(outcomes.slice(0, held.length).map((kind, place) => [place, kind]));
    const settlements = [...chosen].map(([place, kind]) => settlement(kind, held[place]!));
    const lease = this.#lease(index);
    const reply = await lease.exchange(settlements, take, trial);
    if (!this.model.hasLease(index)) {
      expect(reply).toBe('leaseLost');
      return;
    }
    const expected = this.model.exchange(index, chosen, take, trial);
    if (reply === 'leaseLost') throw new Error('The lease was lost, but nobody reclaimed it.');
    expect(counts(reply.taken)).toEqual(expected.taken.map(text));
    expect(reply).toMatchObject({ missing: 0, suspects: expected.suspects });
    this.#held[index] = [...held.filter((_bytes, place) => !chosen.has(place)), ...reply.taken];
    // A released message may be taken again with the same bytes. Settling it a second time is right then.
    const isRepeatable = settlements.every(({ kind }) => kind !== 'release');
    this.#last = isRepeatable ? { lease, settlements } : undefined;
  }

  /** Gives the same settlements again, as after a lost answer. */
  async #repeat(): Promise<void> {
    if (this.#last === undefined) return;
    const { lease, settlements } = this.#last;
    const reply = await lease.exchange(settlements, 0);
    if (!this.model.hasLease(this.#leases.indexOf(lease))) expect(reply).toBe('leaseLost');
    else expect(reply).toMatchObject({ missing: settlements.length });
  }

  async #wait(index: number): Promise<void> {
    if (this.model.waiting.length === 0 || !this.model.hasLease(index)) return;
    const bytes = await brought(this.#lease(index).wait(new AbortController().signal));
    expect(counts([bytes])).toEqual([text(this.model.wait(index)!)]);
    this.#held[index]!.push(bytes);
  }

  async #renew(index: number): Promise<void> {
    const lease = this.#lease(index);
    const reply = await lease.renew();
    if (!this.model.hasLease(index)) {
      expect(reply).toBe('leaseLost');
      return;
    }
    this.model.renew(index);
    if (reply === 'leaseLost') throw new Error('The lease was lost, but nobody reclaimed it.');
    const name = (each: number): string => this.#lease(each).consumer;
    const doubtful = reply.doubtful.map(({ consumer }) => consumer);
    expect(doubtful.sort()).toEqual(this.model.ended().map(name).sort());
    expect(this.model.fenced().map(name)).toEqual(expect.arrayContaining([...reply.fenced]));
  }

  async #lateTake(index: number): Promise<void> {
    if (!this.model.fenced().includes(index)) return;
    await world.lateTake(this.queue, this.#lease(index).consumer);
    this.model.wait(index);
  }

  async #reclaim(index: number, by: number): Promise<void> {
    const given = await this.#lease(by).reclaim(this.#lease(index).consumer, ENDED_MS);
    expect(given).toBe(this.model.reclaim(index));
    if (!this.model.hasLease(index)) this.#held[index] = [];
  }

  /** Redis holds what the model holds, and the model has every pushed message exactly once. */
  async check(): Promise<void> {
    const dump = await world.dump(this.queue);
    expect(counts(dump.waiting)).toEqual(this.model.waiting.map(text));
    expect(counts(dump.suspects)).toEqual(this.model.suspects.map(text));
    for (const [index, lease] of this.#leases.entries()) {
      const held = dump.processing.get(lease.consumer) ?? [];
      expect(counts(held)).toEqual(this.model.held(index).map(text));
    }
    expect(ids(dump.dead).sort()).toEqual([...this.model.dead].sort());
    expect(dump.expired).toBe(this.model.expired);
    const places = [
      ...this.model.waiting,
      ...this.model.suspects,
      ...this.#leases.flatMap((_lease, index) => this.model.held(index)),
    ].map(({ id }) => id);
    const everywhere = [...places, ...this.model.dead, ...this.model.done];
    expect(everywhere.sort()).toEqual(
      Array.from({ length: this.#pushed }, (_, index) => `m${index + 1}`).sort(),
    );
  }

  async leave(): Promise<void> {
    for (const lease of this.#leases) await lease.leave();
  }

  #lease(index: number): Lease {
    const lease = this.#leases[index];
    if (lease === undefined) throw new Error(`There is no consumer ${index}.`);
    return lease;
  }
}

function settlement(kind: ModelOutcome, bytes: Buffer): Settlement {
  switch (kind) {
    case 'ack':
    case 'release':
      return { kind, element: bytes };
    case 'retry':
      return { kind, element: bytes, replacement: withNextAttempt(bytes, 'new'), delayMs: 0 };
    case 'deadLetter':
      return { kind, element: bytes, replacement: bytes };
    case 'expired':
      return { kind: 'skip', element: bytes, why: 'expired' };
  }
}

function text({ id, attempt, crashes }: ModelMessage): string {
  return `${id} ${attempt}/${crashes}`;
}

describe('a queue, whatever its consumers do', () => {
  test(`keeps each message in one place and in order (seed ${SEED})`, async () => {
    world.expectFenced();
    const broker = await world.open();
    let queues = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 60 }), async (commands) => {
        queues += 1;
        const pair = new Pair(broker, `q${queues}`);
        for (let joined = 0; joined < CONSUMERS; joined += 1) await pair.join();
        for (const next of commands) {
          await pair.run(next);
          await pair.check();
        }
        await pair.leave();
      }),
      { seed: SEED, numRuns: rounds(ROUNDS) },
    );
  });
});
