import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as ours from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

/** Where a package manager could have put a second copy: the output of `tsc -b`, under a name of its own. */
const COPY = resolve('node_modules/.cache/second-copy');

let other: typeof ours;

beforeAll(async () => {
  await rm(COPY, { recursive: true, force: true });
  await mkdir(COPY, { recursive: true });
  await cp(resolve('libs/redis-queue-transport/dist'), COPY, { recursive: true });
  await writeFile(resolve(COPY, 'package.json'), '{"type":"module"}');
  other = (await import(pathToFileURL(resolve(COPY, 'index.js')).href)) as typeof ours; // the files that were copied
});

afterAll(() => rm(COPY, { recursive: true, force: true }));

describe('a second copy of the package in the same process', () => {
  test('is a real copy: its classes are different ones', () => {
    expect(other.RedisQueueClient).not.toBe(ours.RedisQueueClient);
  });

  test('makes records that a client accepts as records', async () => {
    const record = new other.RedisQueueRecordBuilder('x').id('a').headers({ t: 'acme' }).build();

    expect(await rig.client().enqueue('work', record)).toMatchObject({ id: 'a' });

    const [element = ''] = await rig.queue('work').waiting();
    expect(element).toContain('"t":"acme"');
    expect(element.split('\n')[1]).toBe('"x"');
    await expect(lastValueFrom(rig.client().enqueueMany('work', record as never))).rejects.toThrow(
      /got a record/,
    );
  });

  test('has a DeadLetter that dead-letters at once, with its reason', async () => {
    let runs = 0;
    const handle = (): never => {
      runs += 1;
      throw new other.DeadLetter('useless');
    };
    await rig.serve({ controllers: [controllerOf('work', handle)] });

    await rig.client().enqueue('work', 1);

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
    const [letter] = await rig.queue('work').dead();
    expect([runs, letter?.dead.error.message]).toEqual([1, 'useless']);
  });

  test('has a RetryLater that uses up no attempts', async () => {
    let runs = 0;
    const handle = (): void => {
      runs += 1;
      if (runs < 4) throw new other.RetryLater({ delayMs: 1 });
    };
    const options = { retry: { attempts: 1 } };
    await rig.serve({ controllers: [controllerOf('work', handle, { options })] });

    await rig.client().enqueue('work', 1);

    await eventually(() => expect(runs).toBe(4));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    expect(await rig.queue('work').dead()).toEqual([]);
  });

  test('has servers whose dead letters keep what a handler threw', async () => {
    const server = new other.RedisQueueServer(rig.serverOptions({ retry: { attempts: 1 } }));
    const handle = (): never => {
      throw new TypeError('a mistake');
    };
    const app = await rig.microservice({ controllers: [controllerOf('work', handle)] }, server);
    await app.listen();

    await rig.client().enqueue('work', 1);

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
    const [letter] = await rig.queue('work').dead();
    expect(letter?.dead.error).toMatchObject({ name: 'TypeError', message: 'a mistake' });
  });

  test('has errors that are instances of the same classes, and of no others', () => {
    const error = new other.RedisUnavailableError('away');

    expect(error).toBeInstanceOf(ours.RedisUnavailableError);
    expect(error).toBeInstanceOf(ours.RedisQueueError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(ours.OutcomeUnknownError);
    expect(new Error('x')).not.toBeInstanceOf(ours.RedisQueueError);
  });

  test('has codecs that a client accepts as its own', async () => {
    const client = rig.client({ codec: other.rawCodec, codecs: [other.jsonCodec] });

    await client.enqueue('work', Buffer.from('bytes'));

    const [element = ''] = await rig.queue('work').waiting();
    expect(element).toContain('"codec":"raw"');
  });
});
