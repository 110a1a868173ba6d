import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { redisRig } from '../support/redis-rig.js';
import { SEED, rounds, timeFor } from '../support/seed.js';
import { anyCommands } from './property/commands.js';
import type { Command } from './property/commands.js';
import { Expectation } from './property/expectation.js';
import { Side } from './property/side.js';
import type { Answer } from './property/side.js';
import { MemoryWorld } from './memory-world.js';
import { RedisWorld } from './redis-world.js';

const ROUNDS = 20;
jest.setTimeout(timeFor(ROUNDS, 120_000));

const CONSUMERS = 3;

const rig = redisRig();
const world = new RedisWorld(rig);

/** Gives the commands to all sides, and compares what they answer and hold with the model after each. */
async function play(commands: readonly Command[], sides: readonly Side[]): Promise<void> {
  const expectation = new Expectation();
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

/** A store in memory, and a broker on it, for one round. */
async function playInMemory(run: (side: Side) => Promise<void>): Promise<void> {
  const memory = new MemoryWorld();
  const [broker, admin] = [await memory.open(), memory.openAdmin()];
  await run(new Side(memory, broker, admin, 'q'));
  await memory.endTest();
}

describe('a queue, whatever its consumers, senders and tools do', () => {
  test(`is what the model says, on every broker (seed ${SEED})`, async () => {
    world.expectFenced();
    const [broker, admin] = [await world.open(), world.openAdmin()];
    let queues = 0;
    await fc.assert(
      fc.asyncProperty(anyCommands, (commands) => {
        queues += 1;
        const redis = new Side(world, broker, admin, `q${queues}`);
        return playInMemory((memory) => play(commands, [redis, memory]));
      }),
      { seed: SEED, numRuns: rounds(ROUNDS) },
    );
  });
});
