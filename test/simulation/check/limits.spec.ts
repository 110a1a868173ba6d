import { beforeEach, expect, test } from '@jest/globals';
import { HandlerTimeoutError } from '../../../libs/redis-queue-transport/src/core/errors/abort-reasons.js';
import { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import {
  decodeElement,
  encodeElement,
} from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { Limits } from './limits.js';

let exceeded: string[];
let limits: Limits;

beforeEach(() => {
  exceeded = [];
  limits = new Limits({ concurrency: 1, prefetch: 2 }, (what) => exceeded.push(what));
});

function taken(id: string): Buffer {
  return Buffer.from(encodeElement({ id, sentAtMs: 0 }, '{}'));
}

function delivery(id: string): Delivery {
  const element = taken(id);
  return new Delivery('q', element, decodeElement(element));
}

test('a consumer that runs more handlers than it may exceeds its limits', () => {
  limits.began(delivery('a'));
  expect(exceeded).toEqual([]);
  limits.began(delivery('b'));
  expect(exceeded).toEqual(['runs 2 handlers, and may run 1']);
});

test('a handler that has ended or timed out has given up its place', () => {
  const [ended, late] = [delivery('a'), delivery('b')];
  limits.began(ended);
  limits.ended(ended);
  limits.began(late);
  late.abort(new HandlerTimeoutError('q', 100));
  limits.began(delivery('c'));
  expect(exceeded).toEqual([]);
});

test('a consumer that holds more messages than it may exceeds its limits', () => {
  limits.took([taken('a'), taken('b')]);
  expect(exceeded).toEqual([]);
  limits.took([taken('c')]);
  expect(exceeded).toEqual(['holds 3 messages, and may hold 2']);
});

test('a message that is settled, or was held by a lease before, counts no longer', () => {
  const settled = taken('a');
  limits.took([settled, taken('b')]);
  limits.settles([{ kind: 'ack', element: settled }]);
  limits.took([taken('c')]);
  limits.joined();
  limits.took([taken('d'), taken('e')]);
  expect(exceeded).toEqual([]);
});
