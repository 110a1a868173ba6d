import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { ROLES } from '../../libs/redis-queue-transport/src/core/admin/inspection.js';
import { openInspection } from '../../libs/redis-queue-transport/src/open-broker.js';
import { ROLE_RULES } from '../../libs/redis-queue-transport/src/redis/inspection/role-rules.js';
import { rulesOf } from './acl-users.js';

let redis: LocalRedis;
let operator: Redis;

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
});

afterAll(async () => {
  operator.disconnect();
  await redis.stop();
});

/** Redis lets everybody run it, whatever the rules say. */
const ALWAYS_ALLOWED = '+hello';

/** What is no permission. */
const SETTINGS = ['reset', 'on', '>secret'];

function words(rules: readonly string[]): string[] {
  return rules.map((rule) => rule.replaceAll(/\s+/g, ' '));
}

/** Each rule, and each word within parentheses, left out in turn. */
function withoutOne(rules: readonly string[]): [string, string[]][] {
  return rules.flatMap((rule, at): [string, string[]][] => {
    if (!rule.startsWith('(')) return [[rule, rules.toSpliced(at, 1)]];
    const inner = rule.slice(1, -1).split(' ');
    return inner.map((word, wordAt): [string, string[]] => [
      word,
      rules.toSpliced(at, 1, `(${inner.toSpliced(wordAt, 1).join(' ')})`),
    ]);
  });
}

describe.each(ROLES)('what the doctor asks of a user that is to be a %s', (role) => {
  test('is what docs/permissions.md gives it', async () => {
    const listed = words(await rulesOf(role)).filter((rule) => !SETTINGS.includes(rule));
    // `consumer` has a second block, for lists of other programs.
    const own = listed.slice(0, ROLE_RULES[role].match(/\([^)]*\)|\S+/g)?.length);
    expect(words(ROLE_RULES[role].match(/\([^)]*\)|\S+/g) ?? [])).toEqual(own);
  });

  test('is noticed, each part of it', async () => {
    const rules = words(ROLE_RULES[role].match(/\([^)]*\)|\S+/g) ?? []);
    const unnoticed: string[] = [];
    for (const [name, left] of [['nothing', rules] as const, ...withoutOne(rules)]) {
      await operator.call('ACL', 'SETUSER', 'probe', 'reset', 'on', '>secret', ...left);
      const connection = `redis://probe:secret@127.0.0.1:${redis.port}`;
      const inspection = openInspection({ connection, prefix: 'rq' });
      // What it cannot even ask, it is refused.
      const missing = await inspection.missingFor(role).catch((error: unknown) => {
        if (!/^\+(eval|evalsha)$/.test(name)) throw error;
        return [{ rule: name }];
      });
      await inspection.close();
      if (name === 'nothing') expect(missing).toEqual([]);
      else if (name !== ALWAYS_ALLOWED && !missing.some(({ rule }) => rule === name))
        unnoticed.push(name);
    }
    expect(unnoticed).toEqual([]);
  });
});
