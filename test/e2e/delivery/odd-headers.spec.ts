import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

jest.setTimeout(60_000);

function admin(): RedisQueueAdmin {
  const { connection, prefix } = rig.clientOptions();
  return rig.closeLater(new RedisQueueAdmin({ connection, prefix }));
}

function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

/** Fields of a header that another program may write and JavaScript would write differently. */
const FIELDS: [string, string][] = [
  ['a name that is a number', '"7":"seven","id":"x"'],
  [
    'numbers that JavaScript cannot represent',
    '"n":12345678901234567890,"m":1e400,"k":1.0,"id":"x"',
  ],
  ['names that occur twice', '"id":"w","a":1,"a":2,"id":"x"'],
  ['a name that is special in JavaScript', '"__proto__":{"toString":1},"constructor":1,"id":"x"'],
  ['half of a surrogate pair', '"id":"\\ud83d","a":"\\uDE00"'],
  ['escapes of all kinds', '"id":"\\u0078\\/\\"","\\u0061":"\\b\\f"'],
  ['6,000 levels', `"metadata":${nested(6_000)},"id":"x"`],
  ['30,000 levels in an unknown field', `"id":"x","new":${nested(30_000)}`],
  ['spaces everywhere', ' "id" : "x" , "at" : 1 '],
  [
    'counts in places where scripts do not look for them',
    '"id":"x","crashes":9,"attempt":9,"parked":"y"',
  ],
];

describe('a header of another program', () => {
  test.each(FIELDS)(
    'is the same byte for byte after a retry, as a dead letter and redriven: %s',
    async (_, fields) => {
      const attempts: number[] = [];
      let isBroken = true;
      const controller = controllerOf(
        'work',
        (_data, context) => {
          attempts.push(context.getAttempt());
          if (isBroken) throw new Error('not yet');
        },
        { options: { retry: { attempts: 2, backoff: 'fixed', delayMs: 0 } } },
      );
      await rig.serve({ controllers: [controller] });
      const dead = `${rig.prefix}:{work}:dead`;

      await rig.commands.rpush(rig.queue('work').waitingKey, `{"rq":1,${fields}}\n"data"`);

      await eventually(async () => expect(await rig.commands.xlen(dead)).toBe(1));
      expect(attempts).toEqual([1, 2]);
      const [[, [, letter = ''] = []] = []] = await rig.commands.xrange(dead, '-', '+');
      const [facts = '', ...original] = letter.split('\n');
      expect(original.join('\n')).toBe(`{"rq":1,"attempt":2,${fields}}\n"data"`);
      expect(JSON.parse(facts)).toMatchObject({ rq: 1, dead: { reason: 'handlerFailed' } });

      await admin().pause('work');
      expect(await admin().redriveAll('work')).toBe(1);
      const [again = ''] = await rig.queue('work').waiting();
      for (const field of fields.split(',')) {
        if (!/crashes|attempt|parked/.test(field)) expect(again).toContain(field.trim());
      }
      expect(again).toMatch(/^\{"rq":1,[^]*"dead-letter-history":"[^]*\}\n"data"$/);
      isBroken = false;
      await admin().resume('work');
      await eventually(() => expect(attempts).toEqual([1, 2, 1]));
      await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    },
  );

  test.each([
    ['too long', `"id":"x","metadata":"${'x'.repeat(70_000)}"`, /header line has 7\d+ bytes/],
    ['with an endless number as its time', '"id":"x","expiresAt":1e400', /"expiresAt"/],
    [
      'with a request number that no reply can carry',
      '"replyTo":"t:{reply:x}:replies","re":12345678901234567890',
      /"re" has an unusable value/,
    ],
  ])('%s is dead-lettered whole, and the next one is handled', async (_, fields, why) => {
    const seen: unknown[] = [];
    await rig.serve({ controllers: [controllerOf('work', (data) => void seen.push(data))] });
    const element = `{"rq":1,${fields}}\n"bad"`;

    await rig.commands.rpush(rig.queue('work').waitingKey, element, '"good"');

    await eventually(() => expect(seen).toEqual(['good']));
    const letters = await eventually(async () => {
      const page = await admin().deadLetters('work');
      expect(page.letters).toHaveLength(1);
      return page.letters;
    });
    expect(letters[0]).toMatchObject({
      reason: 'undecodable',
      error: { message: expect.stringMatching(why) as unknown },
    });
    expect(letters[0]?.element.toString().endsWith(`\n${element}`)).toBe(true);
  });
});

test('dead letters that others wrote are listed and redriven with all others', async () => {
  const dead = `${rig.prefix}:{work}:dead`;
  const letters = [
    '{"rq":1,"id":"a","dead":{"reason":"rejected"}}\n"a"',
    '{"rq":1,"id":"b","dead":{}}\n"b"',
    '{"rq":1,"id":"c","dead":{"error":"text","at":1e400,"reason":{},"attempt":null}}\n"c"',
    '{"rq":1,"id":"d","dead":7}\n"d"',
    '{"rq":1,"dead":{"whole":true}}\n"e"',
    `{"rq":1,"dead":{"error":{"message":${nested(5_000)}},"whole":true}}\n{"rq":1,"id":"f"}\n"f"`,
    '"g"',
  ];
  for (const letter of letters) await rig.commands.xadd(dead, '*', 'element', letter);

  const page = await admin().deadLetters('work');
  expect(page.letters.map(({ reason, error }) => [reason, error.name])).toEqual(
    ['rejected', ...Array<string>(6).fill('unknown')].map((reason) => [reason, 'Error']),
  );
  for (const { deadAt } of page.letters) expect(deadAt.toJSON()).not.toBeNull();

  expect(await admin().redriveAll('work')).toBe(letters.length);
  const seen: unknown[] = [];
  await rig.serve({ controllers: [controllerOf('work', (data) => void seen.push(data))] });
  await eventually(() => expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
});
