import { setTimeout as sleep } from 'node:timers/promises';
import { expect, jest, test } from '@jest/globals';
import { CallerGoneError } from 'nestjs-redis-queue-transport';
import { firstValueFrom, interval } from 'rxjs';
import { finalize, map } from 'rxjs/operators';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { NestProgram } from '../support/nest-program.js';
import { nestRig } from '../support/nest-rig.js';
import { queueKey } from '../support/queue-dump.js';

const rig = nestRig();

jest.setTimeout(120_000);

/** How long a caller may read nothing before it is given up. */
const PATIENCE_MS = 30_000;

test('a stream whose caller was killed ends while its values keep coming, and frees its place', async () => {
  rig.mayRemain(/}[^:]*:(replies|refused|added)$/);
  const reasons: unknown[] = [];
  let open = 0;
  const controller = controllerOf(
    'ticks',
    (_, context) => {
      open += 1;
      const signal = context.getSignal();
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return interval(20).pipe(finalize(() => (open -= 1)));
    },
    { options: { concurrency: 1 } },
  );
  await rig.serve({ controllers: [controller] });
  const environment = { URL: rig.redis.url, PREFIX: rig.prefix, PATTERN: 'ticks' };
  const caller = rig.closeLater(new NestProgram('abandoning-caller', environment));
  await caller.prints('heard');
  caller.signal('SIGKILL');
  await caller.ended;

  await eventually(() => expect(open).toBe(0), 2 * PATIENCE_MS);

  expect(reasons).toEqual([expect.any(CallerGoneError)]);
  expect(await firstValueFrom(rig.client().send('ticks', {}))).toBe(0);
});

test('a stream whose caller was cut off for too long tells the caller so', async () => {
  rig.mayRemain(/}[^:]*:added$/);
  const controller = controllerOf('ticks', () => interval(20));
  await rig.serve({ controllers: [controller] });
  const client = rig.client({ requestTimeoutMs: 3 * PATIENCE_MS });
  let failure: unknown;
  let heard = 0;
  client.send('ticks', {}).subscribe({
    next: () => (heard += 1),
    error: (error: unknown) => (failure = error),
  });
  await eventually(() => expect(heard).toBeGreaterThan(0));

  // No list is left to read from until it is restored.
  await rig.commands.call('ACL', 'SETUSER', 'default', '-blmpop');
  rig.closeLater({ close: () => rig.commands.call('ACL', 'SETUSER', 'default', '+@all') });
  await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await eventually(async () => expect(await lastReply()).toContain('CALLER_GONE'), 2 * PATIENCE_MS);
  await rig.commands.call('ACL', 'SETUSER', 'default', '+@all');

  await eventually(() => expect(failure).toMatchObject({ code: 'CALLER_GONE' }));
});

test('a caller that reads more slowly than values come is not given up, even if all values look alike', async () => {
  rig.mayRemain(/}[^:]*:(replies|refused|added)$/);
  const reasons: unknown[] = [];
  const serve = (pattern: string, everyMs: number): Promise<unknown> => {
    const controller = controllerOf(pattern, (_, context) => {
      const signal = context.getSignal();
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return interval(everyMs).pipe(map(() => 'alive'));
    });
    return rig.serve({ controllers: [controller] });
  };
  // Whenever the slow stream adds a value, the fast one has added more than were read.
  await serve('slow', 1_000);
  await serve('fast', 20);
  const list = `${rig.prefix}:{reply:reader}:replies`;
  for (const pattern of ['slow', 'fast']) {
    const request = `{"rq":1,"id":"${pattern}","replyTo":"${list}","re":1}\n1`;
    await rig.commands.rpush(queueKey(rig.prefix, pattern, 'waiting'), request);
  }
  await eventually(async () => expect(await rig.commands.llen(list)).toBeGreaterThan(1));

  for (const end = performance.now() + 1.5 * PATIENCE_MS; performance.now() < end;) {
    expect(await rig.commands.lpop(list)).toContain('"alive"');
    expect(reasons).toEqual([]);
    await sleep(1_000);
  }

  await rig.commands.hset(`${rig.prefix}:{reply:reader}:refused`, '1', '');
  await eventually(() => expect(reasons).toHaveLength(2));
});

async function lastReply(): Promise<string> {
  const [list = ''] = await rig.commands.keys(`${rig.prefix}:{reply:*}:replies`);
  return (await rig.commands.lindex(list, -1)) ?? '';
}
