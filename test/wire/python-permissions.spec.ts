import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { rulesOf } from '../docs/acl-users.js';
import { codeBlocks, readText } from '../docs/markdown.js';
import { eventually } from '../support/eventually.js';
import { SHORT_LEASE, wireRig } from './wire-rig.js';

const rig = wireRig();

/** The rules that the pages give their one user, for the prefix of this test. */
async function rules(): Promise<string[]> {
  const added = codeBlocks(await readText('docs/wire-format.md')).flatMap(({ text }) =>
    (/^redis-cli ACL SETUSER shop (.*)$/.exec(text)?.[1] ?? '').replaceAll("'", '').split(' '),
  );
  const words = [...(await rulesOf('shop')), ...added.filter((word) => word !== '')];
  return words.map((word) => word.replace(/^([~&])rq:/, `$1${rig.nest.prefix}:`));
}

test('the Redis user of docs/wire-format.md may do everything that the programs do', async () => {
  const { commands, redis } = rig.nest;
  await commands.call('ACL', 'SETUSER', 'shop', ...(await rules()));
  await commands.call('ACL', 'LOG', 'RESET');
  rig.useUrl(`redis://shop:secret@127.0.0.1:${redis.port}`);
  await commands.zadd(`${rig.nest.prefix}:{mail.send}:consumers`, 1, 'gone');
  await commands.rpush(`${rig.nest.prefix}:{mail.send}:processing:gone`, '{"to":"a@b"}');

  await rig.admin().declare('user.*', { history: { maxLength: 10, maxAgeMs: 60_000 } });
  const listener = rig.run('listen', 'user.created', 'user.#');
  await listener.prints('listening to user.#');
  await rig.consume('user.*', '--group', 'billing');
  const consumer = await rig.consume('mail.send', ...SHORT_LEASE);
  await rig.finish('emit', '--once', '60000', 'user.created', '1');
  await rig.finish('enqueue', '--file', await rig.file(randomBytes(300_000)), 'mail.send');
  await rig.finish('enqueue', '--once', '60000', 'mail.send', '{"to":"nobody"}');
  await rig.finish('enqueue', '--delay', '1', 'mail.send', '{"to":"a@b","busy":true}');
  await rig.finish('request', 'mail.send', '{"to":"a@b"}');
  await consumer.prints('dead-lettered');
  await consumer.prints('retried');
  await consumer.prints('reclaimed');
  await eventually(async () =>
    expect(await commands.keys('*:processing:*').then((keys) => keys.length)).toBe(0),
  );

  expect(await commands.call('ACL', 'LOG')).toEqual([]);
  expect(consumer.all('failed')).toEqual([]);
});
