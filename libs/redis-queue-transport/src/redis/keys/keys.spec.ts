import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvalidPatternError } from '../../core/errors/start-errors.js';
import { namesQueue } from '../../core/message/queue-name.js';
import { Keys } from './keys.js';

const keys = new Keys('rq');

function keysOf(queue: string): string[] {
  return Object.values(keys.queue(queue)).map((key: string | ((consumer: string) => string)) =>
    typeof key === 'string' ? key : key('host-1-x-1'),
  );
}

/** What a cluster hashes of a key: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec */
function hashTag(key: string): string {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  return open !== -1 && close > open + 1 ? key.slice(open + 1, close) : key;
}

const queueName = fc
  .string({
    unit: fc.constantFrom('a', '{', '}', ':', ' ', '\n', 'ä', 'waiting', '@', '/', '@a/'),
    minLength: 1,
  })
  .filter((name) => namesQueue(name));

describe('the keys of a queue', () => {
  test('can be read in redis-cli', () => {
    expect(keys.queue('orders.place')).toMatchObject({
      waiting: 'rq:{orders.place}:waiting',
      dead: 'rq:{orders.place}:dead',
      consumers: 'rq:{orders.place}:consumers',
    });
    expect(keys.queue('orders.place').processing('c')).toBe('rq:{orders.place}:processing:c');
    expect(keys.queues).toBe('rq:queues');
  });

  test('of a group are beside those of its pattern', () => {
    const { history } = keys.history('orders.placed');
    const ofGroup = keysOf('@billing/orders.placed');
    expect(ofGroup).toContain('rq:{orders.placed}@billing:waiting');
    expect(new Set([history, ...ofGroup].map(hashTag))).toEqual(new Set(['orders.placed']));
    expect(keys.queue('@billing/orders.*').waiting).toBe('rq:{orders.*}@billing:waiting');
  });

  test('have the same hash tag, whatever the name of the queue', () => {
    fc.assert(
      fc.property(queueName, (queue) => {
        expect(new Set(keysOf(queue).map(hashTag)).size).toBe(1);
      }),
    );
  });

  test('are nobody else’s, whatever the names of the queues', () => {
    fc.assert(
      fc.property(queueName, queueName, (one, other) => {
        fc.pre(one !== other);
        const shared = keysOf(one).filter((key) => keysOf(other).includes(key));
        expect(shared).toEqual([]);
        expect(keysOf(one)).not.toContain(keys.queues);
      }),
    );
  });

  test('are no reply lists, and those are', () => {
    expect(keys.isReplies(keys.replies('host-1-x'))).toBe(true);
    expect(new Keys('other').isReplies(keys.replies('host-1-x'))).toBe(false);
    fc.assert(
      fc.property(queueName, (queue) => {
        const all = [...keysOf(queue), ...keysOf(`reply:${queue}`), keys.emitted(`reply:${queue}`)];
        for (const key of all) expect(keys.isReplies(key)).toBe(false);
      }),
    );
  });

  test.each([[''], ['}'], ['}a'], ['@billing/}a']])('are refused for the name %j', (queue) => {
    expect(() => keys.queue(queue)).toThrow(InvalidPatternError);
  });
});

test('channels carry the number of their database where it is not 0, and keys do not', () => {
  const other = new Keys('rq', 3);
  expect(other.event('user.created')).toBe('rq:db3:event:user.created');
  expect(other.told('user.created')).toBe('rq:db3:history:user.created');
  expect(other.queue('q').wake).toBe('rq:db3:{q}:wake');
  expect(other.queue('q').waiting).toBe(keys.queue('q').waiting);
  expect(new Keys('rq', 0).event('user.created')).toBe('rq:event:user.created');
});
