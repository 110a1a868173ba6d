import { beforeEach, expect, jest, test } from '@jest/globals';
import { DeadLetter, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { cliRig } from './cli-rig.js';

jest.setTimeout(120_000);

const { rig, run, json } = cliRig();

interface Listed {
  readonly letters: { readonly entry: string; readonly id: string }[];
  readonly next: string | null;
}

let entries: string[];

beforeEach(async () => {
  const dying = controllerOf('mail', () => {
    throw new DeadLetter('no such address');
  });
  const app = await rig.serve({ controllers: [dying] });
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await rig.client().enqueueMany('mail', [{ n: 1 }, { n: 2 }, { n: 3 }]);
  await eventually(async () => expect((await admin.lengths('mail')).dead).toBe(3));
  await app.close();
  const { letters } = await admin.deadLetters('mail');
  entries = letters.map(({ entry }) => entry);
});

test('dead letters are listed, page by page and by reason', async () => {
  const page = (await json('dead', 'list', 'mail', '--limit', '2')) as Listed;
  expect(page.letters.map(({ entry }) => entry)).toEqual(entries.slice(0, 2));
  expect(page).toMatchObject({
    letters: [
      { reason: 'rejected', error: { name: 'DeadLetter', message: 'no such address' } },
      {},
    ],
    next: entries[2],
  });
  const rest = (await json('dead', 'list', 'mail', '--from', entries[2]!)) as Listed;
  expect(rest).toMatchObject({ letters: [{ entry: entries[2] }], next: null });
  expect(await json('dead', 'list', 'mail', '--reason', 'other')).toEqual({
    letters: [],
    next: null,
  });
  expect(await json('dead', 'list', 'mail', '--older-than', '1d')).toMatchObject({ letters: [] });
  const first = (await json(
    'dead',
    'list',
    'mail',
    '--reason',
    'rejected',
    '--limit',
    '1',
  )) as Listed;
  expect(first).toMatchObject({ letters: [{ entry: entries[0] }], next: entries[1] });
  const { out } = await run('dead', 'list', 'mail');
  expect(out).toMatch(
    /^ENTRY +DIED +REASON .*\n\S+ .*rejected +1 +DeadLetter: no such address +{"n":1}\n/,
  );
});

test('one is shown with its error and stack', async () => {
  const { out, code } = await run('dead', 'show', 'mail', entries[1]!);
  expect(code).toBe(0);
  expect(out).toMatch(/^entry +\S+\nid +\S+\nreason +rejected\n/);
  expect(out).toMatch(/\nerror +DeadLetter: no such address\n +at /);
  expect(out).toContain('\n{\n  "n": 2\n}\n');
  expect(await json('dead', 'show', 'mail', entries[1]!)).toMatchObject({ data: { n: 2 } });
  const none = await run('dead', 'show', 'mail', '1-1');
  expect(none).toMatchObject({ code: 1, out: '' });
  expect(none.err).toContain('"mail" has no dead letter 1-1.');
});

test('some are redriven, and then all', async () => {
  const some = await run('dead', 'redrive', 'mail', entries[0]!, '9-9', '--json');
  expect(some.json).toEqual({ redriven: 1, missing: ['9-9'] });
  expect(some.code).toBe(1);
  expect(await json('dead', 'redrive', 'mail', '--all', '--reason', 'other')).toEqual({
    redriven: 0,
  });
  expect((await run('dead', 'redrive', 'mail', '--all')).out).toBe('2 dead letters sent again\n');
  expect(await rig.queue('mail').waiting()).toHaveLength(3);
  expect((await run('dead', 'redrive', 'mail')).code).toBe(2);
  expect((await run('dead', 'redrive', 'mail', '--reason', 'rejected')).code).toBe(2);
});

test('some are deleted, and all after a yes', async () => {
  expect(await json('dead', 'delete', 'mail', entries[0]!)).toEqual({ deleted: 1, missing: [] });
  const unasked = await run('dead', 'delete', 'mail', '--all');
  expect(unasked).toMatchObject({ code: 2, out: '' });
  expect(await json('dead', 'delete', 'mail', '--all', '--yes')).toEqual({ deleted: 2 });
  expect((await run('dead', 'list', 'mail')).err).toContain('has no dead letters');
});
