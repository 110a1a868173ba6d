import { expect, test } from '@jest/globals';
import { readDeadLetter } from '../message/dead-letter.js';
import { Delivery } from './delivery.js';
import { decodeElement } from '../message/envelope.js';
import type { Outcome } from './outcome.js';
import { Settlements } from './settlement.js';

test('a delivery whose settlement cannot be made is dead-lettered unchanged', () => {
  const element = Buffer.from('{"rq":1,"id":"x"}\n{}');
  const delivery = new Delivery('q', element, decodeElement(element));
  const error = { name: 'Error', message: 'no', more: 1n };
  const outcome: Outcome = { kind: 'deadLetter', reason: 'rejected', error };
  const facts = { queue: 'q', isOnce: false, nowMs: () => 1, newId: () => 'new' };

  const settlement = new Settlements(facts).of(delivery, outcome, 'c');

  expect(settlement.kind).toBe('deadLetter');
  const { replacement } = settlement as { replacement: Buffer }; // as its kind says
  expect(readDeadLetter(replacement)).toMatchObject({
    original: element,
    facts: { reason: 'undecodable', error: { name: 'TypeError' } },
  });
});
