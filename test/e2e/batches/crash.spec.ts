import { describe, expect, jest, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { NestProgram } from '../../support/nest-program.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import { isRenewal } from '../../faults/commands.js';

const rig = nestRig();

jest.setTimeout(60_000);

function start(holds: 'yes' | 'no', more: Readonly<Record<string, string>> = {}): NestProgram {
  const environment = { HOLDS: holds, REDIS_URL: rig.redis.url, PREFIX: rig.prefix, ...more };
  const program = rig.closeLater(new NestProgram('batch-service', environment));
  // Stopped in order, so that it leaves its queue.
  rig.closeLater({
    close: () => {
      program.signal('SIGTERM');
      return program.ended;
    },
  });
  return program;
}

/** A process in the middle of a batch of three, after it has settled the first message. */
async function busy(): Promise<NestProgram> {
  const client = rig.client();
  for (const name of ['a', 'b', 'c', 'd']) await lastValueFrom(client.enqueue('work', name));
  const program = start('yes');
  await program.prints('begin a b c 1 1 1');
  await eventually(async () => {
    const waiting = await rig.queue('work').waiting();
    expect([waiting.length, await rig.queue('work').held()]).toEqual([0, 3]);
  });
  return program;
}

async function expectOneByOne(other: NestProgram): Promise<void> {
  // Each comes alone, since it was running, or seemed to be, when its process died.
  for (const name of ['b', 'c', 'd']) await other.prints(`end ${name}`);
  expect(other.printed).toEqual([
    'ready',
    'begin b 2',
    'end b',
    'begin c 2',
    'end c',
    'begin d 2',
    'end d',
  ]);
  await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  expect(await rig.queue('work').waiting()).toEqual([]);
  expect(await rig.queue('work').dead()).toEqual([]);
}

describe('a batch in the middle of which', () => {
  test('its process dies comes again message by message, except for what was settled', async () => {
    const program = await busy();

    program.signal('SIGKILL');
    await program.ended;

    await expectOneByOne(start('no'));
  });

  test('its lease is lost hears of it, comes again elsewhere, and settles nothing more', async () => {
    const program = await busy();
    program.signal('SIGSTOP');
    const other = start('no');
    await expectOneByOne(other);

    program.signal('SIGCONT');

    await program.prints('aborted LEASE_LOST');
    await lastValueFrom(rig.client().enqueue('work', 'next'));
    await eventually(() =>
      expect([...other.printed, ...program.printed]).toContain('begin next 1'),
    );
    expect(await rig.queue('work').dead()).toEqual([]);
    expect(other.printed.filter((text) => /begin [bcd]/.test(text))).toHaveLength(3);
  });
});

describe('a batch that is still gathering', () => {
  test('does not begin on a lease that was lost meanwhile, even before its process learns of it', async () => {
    const client = rig.client();
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    // As long as the lease, so it ends with the first thing that the process does again.
    const program = start('no', { REDIS_URL: proxy.url, WAIT_MS: '1000' });
    await program.prints('ready');
    for (const name of ['a', 'b']) await lastValueFrom(client.enqueue('work', name));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(2));
    program.signal('SIGSTOP');
    const other = start('no');
    for (const name of ['a', 'b']) await other.prints(`end ${name}`);

    const renewal = proxy.holdReply(isRenewal);
    program.signal('SIGCONT');
    await renewal.happened;
    renewal.release();

    other.signal('SIGTERM');
    await other.ended;
    await lastValueFrom(client.enqueue('work', 'next'));
    await program.prints('end next');
    expect(program.printed).toEqual(['ready', 'begin next 1', 'end next']);
  });
});
