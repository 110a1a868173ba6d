import { expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();

const PATTERN = 'order.placed';
const WILDCARD = 'order.*';
const LAST_ID = '18446744073709551615-18446744073709551615';

const key = (name: string): string => `${rig.prefix}:${name}`;
const ofPattern = (): string => key(`{${PATTERN}}:groups`);
const ofWildcards = (): string => key('{wildcards}');
const changes = (): string => key('{wildcards}:changes');

const openAdmin = (): RedisQueueAdmin => rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));

async function groupsOf(client: RedisQueueClient): Promise<number | undefined> {
  return (await client.emit(PATTERN, 'x')).groups;
}

test.each([
  ['a version that is none', () => rig.commands.hset(ofWildcards(), 'version', 'garbage')],
  ['a version that no change has', () => rig.commands.hset(ofWildcards(), 'version', '5-5')],
  ['a version later than all', () => rig.commands.hset(ofWildcards(), 'version', LAST_ID)],
  ['a change too many', () => rig.commands.xadd(changes(), '*', 'field', 'version')],
  ['no changes', () => rig.commands.del(changes())],
])('%s, written by hand, keeps no event from groups with wildcards', async (_, damage) => {
  const admin = openAdmin();
  await admin.declare(WILDCARD, { groups: ['first'] });
  const client = rig.client();
  expect(await groupsOf(client)).toBe(1);
  await damage();
  expect(await groupsOf(client)).toBe(1);
  expect(await groupsOf(rig.client())).toBe(1);
  await admin.declare(WILDCARD, { groups: ['second'] });
  expect(await groupsOf(client)).toBe(2);
});

test.each([
  ['are no stream', () => rig.commands.set(changes(), 'x')],
  ['have their last id', () => rig.commands.xadd(changes(), LAST_ID, 'field', 'x')],
])('while the changes %s, groups stay as emitters know them', async (_, damage) => {
  const admin = openAdmin();
  await admin.declare(WILDCARD, { groups: ['first'] });
  const client = rig.client();
  expect(await groupsOf(client)).toBe(1);
  await rig.commands.del(changes());
  await damage();
  const refusal = { name: 'RedisRefusedError' };
  for (const _again of [1, 2]) {
    await expect(admin.declare(WILDCARD, { groups: ['second'] })).rejects.toMatchObject(refusal);
    await expect(admin.retire(WILDCARD, 'first', { waiting: 'drop' })).rejects.toMatchObject(
      refusal,
    );
    expect(await groupsOf(client)).toBe(1);
    expect(await groupsOf(rig.client())).toBe(1);
  }
  await rig.commands.del(changes());
  await admin.declare(WILDCARD, { groups: ['second'] });
  expect(await groupsOf(client)).toBe(2);
});

test.each([PATTERN, WILDCARD])(
  'who declares %s again mends an index without a version',
  async (pattern) => {
    const admin = openAdmin();
    await admin.declare(pattern, { groups: ['first'] });
    await rig.commands.hdel(pattern === PATTERN ? ofPattern() : ofWildcards(), 'version');
    await admin.declare(pattern, { groups: ['first'] });
    expect(await groupsOf(rig.client())).toBe(1);
  },
);

test.each(['inf', 'nan', '1e300', '9'.repeat(40)])(
  'the version %s of a pattern hides no later group',
  async (version) => {
    const admin = openAdmin();
    const client = rig.client();
    await admin.declare(PATTERN, { groups: ['first'] });
    await rig.commands.hset(ofPattern(), 'version', version);
    for (const [index, group] of ['second', 'third'].entries()) {
      expect(await groupsOf(client)).toBe(index + 1);
      await admin.declare(PATTERN, { groups: [group] });
    }
    expect(await groupsOf(client)).toBe(3);
  },
);
