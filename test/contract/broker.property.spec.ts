import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { redisRig } from '../support/redis-rig.js';
import { SEED, rounds, timeFor } from '../support/seed.js';
import { anyCommand } from './property/commands.js';
import type { Command } from './property/commands.js';
import { Expectation } from './property/expectation.js';
import { Side } from './property/side.js';
import { RedisWorld } from './redis-world.js';

const ROUNDS = 100;
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
      expect([given, await side.run(given, number)]).toEqual([given, answer]);
      expect([given, await side.state()]).toEqual([given, state]);
    }
  }
  for (const side of sides) expect(await side.end()).toEqual([]);
}

describe('a queue, whatever its consumers, senders and tools do', () => {
  test(`is what the model says, on every broker (seed ${SEED})`, async () => {
    world.expectFenced();
    const [broker, admin] = [await world.open(), world.openAdmin()];
    let queues = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyCommand, { minLength: 1, maxLength: 60 }), (commands) => {
        queues += 1;
        return play(commands, [new Side(world, broker, admin, `q${queues}`)]);
      }),
      { seed: SEED, numRuns: rounds(ROUNDS) },
    );
  });
});
