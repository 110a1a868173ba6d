import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, rounds, timeFor } from '../support/seed.js';
import { anyCommands } from './property/commands.js';
import type { Command } from './property/commands.js';
import { EventPlace } from './property/event-place.js';
import { Expectation } from './property/expectation.js';
import { anyKind } from './property/kind.js';
import type { Kind } from './property/kind.js';
import { Side } from './property/side.js';
import type { Answer } from './property/side.js';
import type { QueueWorld } from './broker-world.js';
import { MemoryWorld } from './memory-world.js';
import { RedisWorld } from './redis-world.js';

const ROUNDS = 20;
jest.setTimeout(timeFor(ROUNDS, 120_000));

const CONSUMERS = 3;

const rig = redisRig();
const world = new RedisWorld(rig);

/** Gives the commands to all sides, and compares what they answer and hold with the model after each. */
async function play(
  commands: readonly Command[],
  kind: Kind,
  sides: readonly Side[],
): Promise<void> {
  const expectation = new Expectation(kind);
  for (const side of sides) await side.begin();
  for (let joined = 0; joined < CONSUMERS; joined += 1) {
    expectation.join();
    for (const side of sides) await side.join();
  }
  for (const [number, command] of commands.entries()) {
    const given = expectation.prepare(command);
    if (given === undefined) continue;
    const answer = expectation.run(given, number);
    const state = expectation.state();
    for (const side of sides) {
      expect([given, noLater(await side.run(given, number), answer)]).toEqual([given, answer]);
      expect([given, await side.state()]).toEqual([given, state]);
    }
  }
  for (const side of sides) expect(await side.end()).toEqual([]);
}

/** A consumer may look for a delayed message too early, at one that is gone or was advanced. It must not look too late. */
function noLater(answer: Answer, expected: Answer): Answer {
  if (!isExchange(answer) || !isExchange(expected)) return answer;
  const { dueInHours } = expected;
  return (answer.dueInHours ?? Infinity) <= (dueInHours ?? Infinity)
    ? { ...answer, dueInHours }
    : answer;
}

function isExchange(answer: Answer): answer is { readonly dueInHours: number | undefined } {
  return typeof answer === 'object' && answer !== null && 'dueInHours' in answer;
}

/** A broker beside the model, with a queue that is pushed to, or that gets a group's copies of an event. */
async function sideOf(
  world: QueueWorld,
  broker: Broker,
  admin: AdminBroker,
  { name, ...kind }: Kind & { readonly name: string },
): Promise<Side> {
  if (!kind.isEvent) return new Side(world, broker, admin, name, kind);
  const event = new EventPlace(world, broker, admin, name);
  await event.declare();
  return new Side(world, broker, admin, event.queue, kind, event);
}

describe('a queue, whatever its consumers, senders and tools do', () => {
  test(`is what the model says, on every broker (seed ${SEED})`, async () => {
    world.expectFenced();
    const [broker, admin] = [await world.open(), world.openAdmin()];
    let queues = 0;
    await fc.assert(
      fc.asyncProperty(anyCommands, anyKind, async (commands, kind) => {
        queues += 1;
        const place = { name: `q${queues}`, ...kind };
        const memory = new MemoryWorld();
        memory.expectFenced();
        await play(commands, kind, [
          await sideOf(world, broker, admin, place),
          await sideOf(memory, await memory.open(), memory.openAdmin(), place),
        ]);
        await memory.endTest();
      }),
      { seed: SEED, numRuns: rounds(ROUNDS) },
    );
  });
});
