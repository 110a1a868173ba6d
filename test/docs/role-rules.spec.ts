import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { ROLES } from '../../libs/redis-queue-transport/src/core/admin/inspection.js';
import type { Role } from '../../libs/redis-queue-transport/src/core/admin/inspection.js';
import { openInspection } from '../../libs/redis-queue-transport/src/open-broker.js';
import { ROLE_RULES } from '../../libs/redis-queue-transport/src/redis/inspection/role-rules.js';
import { rulesOf } from './acl-users.js';
import { inRepository, readText } from './markdown.js';

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

/** Redis lets everybody run it, no matter what the rules say. */
const ALWAYS_ALLOWED = '+hello';

/** Rules that are not permissions. */
const SETTINGS = ['reset', 'on', '>secret'];
const FILE = 'libs/redis-queue-transport/src/redis/inspection/role-rules.ts';
const LINE = 100;

function words(rules: readonly string[]): string[] {
  return rules.map((rule) => rule.replaceAll(/\s+/g, ' '));
}

/** For lists of other programs, the page gives some roles more in further blocks. */
async function firstRulesOf(role: Role): Promise<string[]> {
  const rules = words(await rulesOf(role)).filter((rule) => !SETTINGS.includes(rule));
  const further = rules.findIndex((rule) => rule.startsWith('~partner:'));
  return further < 0 ? rules : rules.slice(0, further);
}

/** The source file that follows from the page. */
async function sourceOfRules(): Promise<string> {
  const lines = [
    "import type { Role } from '../../core/admin/inspection.js';",
    '',
    '/** The rules that docs/permissions.md gives a user for each role; a test holds them equal. */',
    'export const ROLE_RULES: Readonly<Record<Role, string>> = {',
  ];
  for (const role of ROLES) {
    lines.push(`  ${role}: \``);
    let line = '';
    for (const rule of await firstRulesOf(role)) {
      if (line.length + rule.length > LINE) {
        lines.push(`    ${line}`);
        line = rule;
      } else line = line === '' ? rule : `${line} ${rule}`;
    }
    lines.push(`    ${line}`, '`,');
  }
  return [...lines, '};', ''].join('\n');
}

test('the source has the rules of docs/permissions.md (UPDATE_SNIPPETS=1 copies them)', async () => {
  const source = await sourceOfRules();
  if (process.env['UPDATE_SNIPPETS'] !== undefined) await writeFile(inRepository(FILE), source);
  expect(await readText(FILE)).toBe(source);
});

/** The rules without one of them, or without one word in parentheses, in turn. */
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

describe.each(ROLES)("the doctor's questions to a user for the role %s", (role) => {
  test('notice each missing permission', async () => {
    const rules = words(ROLE_RULES[role].match(/\([^)]*\)|\S+/g) ?? []);
    const unnoticed: string[] = [];
    for (const [name, left] of [['nothing', rules] as const, ...withoutOne(rules)]) {
      await operator.call('ACL', 'SETUSER', 'probe', 'reset', 'on', '>secret', ...left);
      const connection = `redis://probe:secret@127.0.0.1:${redis.port}`;
      const inspection = openInspection({ connection, prefix: 'rq' });
      // A permission for a command that it cannot even ask about is refused.
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

test('it takes less than 10 ms to find what a user lacks, even if it lacks nearly everything', async () => {
  await operator.call('ACL', 'SETUSER', 'poor', 'reset', 'on', '>secret', '~other:*', '+@all');
  await operator.config('SET', 'slowlog-log-slower-than', '0');
  const connection = `redis://poor:secret@127.0.0.1:${redis.port}`;
  const longest: number[] = [];
  // Redis counts elapsed time, and on a busy machine it does not always run: so the best of several tries counts.
  for (let tries = 0; tries < 5; tries += 1) {
    await operator.slowlog('RESET');
    const inspection = openInspection({ connection, prefix: 'rq' });
    for (const role of ROLES) expect(await inspection.missingFor(role)).not.toEqual([]);
    await inspection.close();
    const entries = (await operator.slowlog('GET', '-1')) as [number, number, number, string[]][];
    const scripts = entries.filter(([, , , [name = '']]) => /^eval/i.test(name));
    expect(scripts.length).toBeGreaterThanOrEqual(ROLES.length);
    longest.push(Math.max(...scripts.map(([, , us]) => us)));
  }
  expect(Math.min(...longest)).toBeLessThan(10_000);
});
