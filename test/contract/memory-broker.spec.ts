import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { element, ids } from './elements.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('the broker in memory', () => {
  test('adds each message behind those before it', async () => {
    const broker = await world.open();
    for (const name of ['a', 'b', 'c']) await broker.push('q', name, element(name));
    expect(ids((await world.dump('q')).waiting)).toEqual(['a', 'b', 'c']);
  });
});
