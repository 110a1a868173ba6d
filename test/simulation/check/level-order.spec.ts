import { beforeEach, expect, test } from '@jest/globals';
import { encodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { makeScenario } from '../scenario/make-scenario.js';
import { calmRun } from './checked-run.fake.js';
import { Ledger } from './ledger.js';
import { LevelOrder, checkLevels } from './level-order.js';

let queue: StoredQueue;
let violations: string[];
let order: LevelOrder;

beforeEach(() => {
  queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  violations = [];
  order = new LevelOrder({ violate: (rule, what) => violations.push(`${rule}: ${what}`) });
});

/** `9a` has the priority 9. */
function message(name: string): Buffer {
  return Buffer.from(encodeElement({ id: name, priority: Number(name[0]), sentAtMs: 0 }, '{}'));
}

function wait(...names: string[]): void {
  for (const name of names)
    if (name.startsWith('4')) queue.waiting.push(message(name));
    else queue.levels.add(Number(name[0]), message(name), 'right');
  order.look(queue);
}

/** In an exchange. */
function take(...names: string[]): void {
  for (const name of names)
    if (name.startsWith('4')) queue.waiting.shift();
    else queue.levels.take(Number(name[0]), 'left');
  order.took(queue, names.map(message));
  order.look(queue);
}

const NINE = Array.from({ length: 9 }, (_, n) => `9${n}`);

test('a lower one is taken before its turn', () => {
  wait('9a', '9b', '0a');
  take('9a');
  expect(violations).toEqual([]);
  take('0a');
  expect(violations).toEqual(['priorities: 0a of 0 was taken before one of 9']);
});

test('what went to the usual ones while nothing waited counts as one of them', () => {
  wait('4a', '4b');
  order.took(queue, [message('0a')]);
  expect(violations).toEqual([]);
  wait('0b');
  take('0b');
  expect(violations).toEqual(['priorities: 0b of 0 was taken before one of 4']);
});

test('what stood in front goes to its own priority once others have some', () => {
  queue.waiting.push(message('0a'));
  wait('4a', '2a', '9a');
  take('9a');
  expect(violations).toEqual([]);
  order.took(queue, [message('0a')]);
  expect(violations).toEqual(['priorities: 0a of 0 was taken before one of 4']);
});

test('each tenth is one of the lower', () => {
  wait(...NINE, ...NINE, '9a', '9b', '0a', '0b');
  take(...NINE, '0a');
  take(...NINE);
  expect(violations).toEqual([]);
  take('9a');
  expect(violations).toEqual(['priorities: none of a lower priority was among the last 10']);
});

function checked(): readonly string[] {
  const scenario = makeScenario('a');
  const [plan] = scenario.messages;
  if (plan === undefined) throw new Error('There is no message.');
  const plans = ['9a', '9b', '0a', '4a'].map((id) => ({ ...plan, id, priority: Number(id[0]) }));
  const ledger = new Ledger(plans, false);
  checkLevels(calmRun({ queues: [queue], ledger, scenario }));
  return ledger.violations;
}

test('a message that waits in the list of another priority breaks a rule', () => {
  wait('9a', '0a', '4a');
  expect(checked()).toEqual([]);
  queue.levels.add(8, message('9b'), 'right');
  expect(checked()).toEqual(['priorities: 9b of 9 waits in level 8']);
});

test('one of another priority may stand in front of the usual ones, and not behind one', () => {
  queue.waiting.push(message('9a'));
  wait('4a');
  expect([violations, checked()]).toEqual([[], []]);
  queue.waiting.unshift(message('4b'));
  order.look(queue);
  expect(violations).toEqual(['priorities: 9a of 9 stands behind the usual ones']);
});
