import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { KeyedScene, WITHIN_MS } from './keyed-scene.js';
import { refusalsOf } from './refusals.js';

const rig = redisRig();

jest.setTimeout(180_000);

const EACH = 10;
/** Others are played with the queue itself: limited-keys.spec.ts, strange-types.spec.ts. */
const OF_CONNECTIONS = ['answers WRONGPASS', 'shows a certificate that is not trusted'];
const REFUSALS = Object.entries(refusalsOf(rig)).filter(([what]) => OF_CONNECTIONS.includes(what));

describe('a queue with keys, priorities, a limit and a bound', () => {
  test.each(REFUSALS)('keeps them while Redis %s', async (_what, prepare) => {
    const { connection, cause, begin, end } = await prepare();
    const scene = await KeyedScene.open(rig, {}, connection);
    await Promise.all([scene.start({}, connection), scene.start({}, connection)]);
    const sending = scene.sendEach(EACH);
    await scene.goesOn(5);

    await begin();
    try {
      await eventually(() => {
        for (const { output } of scene.consumers) expect(output).toMatch(cause);
      }, WITHIN_MS);
    } finally {
      await end();
    }
    await sending;

    // While they were refused, their leases may have ended.
    await scene.expectKept();
    await scene.sendEach(1);
    await scene.expectAllPlaces();
  });
});
