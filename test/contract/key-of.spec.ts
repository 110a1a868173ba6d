import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { keyOf } from '../../libs/redis-queue-transport/src/core/message/key.js';
import type { KeyOf } from '../../libs/redis-queue-transport/src/core/message/key.js';
import {
  USUAL_PRIORITY,
  priorityOf,
} from '../../libs/redis-queue-transport/src/core/message/priority.js';
import { setAside } from '../../libs/redis-queue-transport/src/core/message/set-aside.js';
import { KEY_OF } from '../../libs/redis-queue-transport/src/redis/lua/lanes-lua.js';
import { LEVEL_OF } from '../../libs/redis-queue-transport/src/redis/lua/levels-lua.js';
import { textsOf } from '../../libs/redis-queue-transport/src/redis/script/shared-lua.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, rounds } from '../support/seed.js';

const KEYS_OF_ALL = `
${textsOf([KEY_OF, LEVEL_OF], []).join('\n')}
local reply = {}
for i, element in ipairs(ARGV) do
  local key, wasOut = keyOf(element)
  reply[i] = { levelOf(element), key, wasOut and 1 or 0 }
end
return reply`;

const FACTS = {
  reason: 'handlerFailed',
  error: { name: 'Error', message: 'no' },
  attempt: 1,
  queue: 'q',
  consumer: 'c',
  at: 1,
};

const rig = redisRig();

/** What an element says in front of its id. */
interface Said {
  readonly priority: number;
  readonly key: KeyOf | undefined;
}

async function saidByLua(elements: readonly Buffer[]): Promise<Said[]> {
  const reply = await rig.commands.callBuffer('EVAL', KEYS_OF_ALL, 0, ...elements);
  return (reply as [priority: number, key?: Buffer, wasOut?: number][]).map(
    ([priority, key, wasOut]) => ({
      priority,
      key: Buffer.isBuffer(key) ? { key: key.toString('latin1'), wasOut: wasOut === 1 } : undefined,
    }),
  );
}

/** A text of so many bytes or, mostly, of a few. */
function sized(byte: string, ...lengths: readonly number[]): fc.Arbitrary<string> {
  const long = fc.constantFrom(...lengths).map((length) => byte.repeat(length));
  return fc.oneof(long, fc.constantFrom('', byte, byte.repeat(3)));
}

const digits = fc.oneof(
  sized('9', 6, 7, 8, 14, 15, 16, 17, 60, 129),
  fc.constantFrom('0', '1', '2', '007', '-1', '1.5', '1e3', ' 1', '"1"', 'null', '١'),
);
const name = fc.oneof(
  sized('p', 16, 36, 60, 63, 64, 65, 66, 90, 128),
  fc.constantFrom('a-b_c', 'a b', 'ä', 'a"b', 'a\\b', 'a\0b'),
);
const key = fc.oneof(
  sized('k', 200, 253, 254, 255, 256, 257, 300),
  fc.constantFrom(
    "(it's)*!~_.-",
    '%41',
    '%',
    'a b',
    'ключ',
    'a\n',
    'a"',
    'a\\"',
    'a\0',
    'a:b',
    'a{b}',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);

const fields: readonly fc.Arbitrary<string>[] = [
  digits.map((value) => `,"crashes":${value}`),
  digits.map((value) => `,"attempt":${value}`),
  name.map((value) => `,"parked":"${value}"`),
  digits.map((value) => `,"postponed":${value}`),
];

function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

/** How an element begins that somebody else has written, or that was changed on its way. */
const beginning = fc
  .tuple(
    mostly('{"rq":1', '{"rq":2', '{"rq":10', '{ "rq":1', '{"rq": 1', '{"rq":1 ', '{"RQ":1', ''),
    fc.tuple(...fields.map((field) => fc.option(field, { nil: '', freq: 2 }))),
    fc.option(
      key.map((text) => `,"key":"${text}"`),
      { nil: '', freq: 4 },
    ),
    fc.option(
      fc.oneof(fc.integer({ min: 0, max: 9 }).map(String), digits).map((n) => `,"priority":${n}`),
      { nil: '', freq: 2 },
    ),
    mostly(
      ',"id":"x"}\n{}',
      '}\n',
      '}',
      '',
      ' }\n',
      ' ,"id":"x"}\n',
      ']\n',
      '"\n',
      ',"id":"ä"}\n🚀',
      '}\nlarge'.padEnd(500, 'x'),
    ),
    fc.boolean(),
  )
  .map(([start, [crashes, attempt, parked, postponed], ofKey, priority, end, isInOrder]) => {
    const counts = [crashes, attempt, parked, postponed];
    if (!isInOrder) counts.reverse();
    return [start, ...counts, ofKey, priority, end].join('');
  });

/** One of its bytes may be another one, and it may end early. */
const element = fc
  .tuple(
    beginning,
    fc.option(fc.tuple(fc.nat(600), fc.constantFrom(0, 10, 32, 34, 44, 105, 123, 125, 255)), {
      freq: 3,
    }),
    fc.option(fc.nat(600), { freq: 3 }),
  )
  .map(([text, change, length]) => {
    const bytes = Buffer.from(text).subarray(0, length ?? undefined);
    if (change !== null && change[0] < bytes.length) bytes[change[0]] = change[1];
    return bytes;
  });

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8', 0, bytes.indexOf('\n')));
    return true;
  } catch {
    return false;
  }
}

const elements = fc.array(element, { minLength: 50, maxLength: 100, size: 'max' });

test(`processes and scripts find the same keys and priorities, whoever wrote them (seed ${SEED})`, async () => {
  const found = { some: 0, none: 0, priorities: 0 };
  await fc.assert(
    fc.asyncProperty(elements, async (all) => {
      const said = all.map((bytes) => ({ priority: priorityOf(bytes), key: keyOf(bytes) }));
      expect(await saidByLua(all)).toEqual(said);
      for (const { priority, key } of said) {
        found[key === undefined ? 'none' : 'some'] += 1;
        if (priority !== USUAL_PRIORITY) found.priorities += 1;
      }
    }),
    { seed: SEED, numRuns: rounds(100) },
  );
  // Otherwise it would say little.
  expect(found.some).toBeGreaterThan(100);
  expect(found.none).toBeGreaterThan(100);
  expect(found.priorities).toBeGreaterThan(100);
});

test(`text has the key and the priority of its bytes (seed ${SEED})`, () => {
  fc.assert(
    fc.property(beginning, (text) => {
      const bytes = Buffer.from(text);
      expect([keyOf(text), priorityOf(text)]).toEqual([keyOf(bytes), priorityOf(bytes)]);
    }),
    { seed: SEED, numRuns: rounds(2_000) },
  );
});

test(`a priority is kept for life (seed ${SEED})`, () => {
  let some = 0;
  fc.assert(
    fc.property(element, (bytes) => {
      const priority = priorityOf(bytes);
      if (priority === USUAL_PRIORITY) return;
      some += 1;
      const again = withNextAttempt(bytes, 'new', 1);
      const dead = deadLetterElement(again, FACTS);
      const all = [
        again,
        withNextAttempt(again, 'new', 1),
        setAside(bytes, 'p'.repeat(16), 'new').element,
        redrivenElement(dead),
      ];
      expect(all.map((one) => priorityOf(one))).toEqual(all.map(() => priority));
    }),
    { seed: SEED, numRuns: rounds(2_000) },
  );
  expect(some).toBeGreaterThan(10);
});

test(`a key that is counted is kept for life (seed ${SEED})`, () => {
  fc.assert(
    fc.property(element, (bytes) => {
      const before = keyOf(bytes);
      // A redrive changes nothing in a header that is no JSON.
      if (before === undefined || !isJson(bytes)) return;
      const again = withNextAttempt(bytes, 'new', 1);
      const dead = deadLetterElement(again, FACTS);
      expect([
        keyOf(again),
        keyOf(withNextAttempt(again, 'new', 1)),
        keyOf(setAside(bytes, 'p'.repeat(16), 'new').element)?.key,
        keyOf(redrivenElement(dead)),
      ]).toEqual([
        { key: before.key, wasOut: true },
        { key: before.key, wasOut: true },
        before.key,
        { key: before.key, wasOut: false },
      ]);
    }),
    { seed: SEED, numRuns: rounds(2_000) },
  );
});
