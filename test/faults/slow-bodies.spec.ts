import { describe, expect, test } from '@jest/globals';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { concat, delay, firstValueFrom, lastValueFrom, of, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { nestRig } from '../support/nest-rig.js';
import { SlowNetwork } from '../support/slow-network.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = nestRig();

const BYTES = 8 * 1_048_576;
const BYTES_PER_SECOND = 2 * 1_048_576;

test('a parked body that takes several leases to read loses no lease, and nothing waits behind it', async () => {
  const stage = await FaultStage.open(rig, rig.connection, { compressAboveBytes: false });
  const network = rig.closeLater(await SlowNetwork.start(rig.redis.port));
  const consumer = await stage.startConsumer({ concurrency: 4 }, network.url);
  await stage.send({ id: 'first' });
  await eventually(() => expect(stage.ledger.idsOf('end')).toEqual(['first']));
  network.bytesPerSecond = BYTES_PER_SECOND;

  const begin = performance.now();
  await stage.send({ id: 'large', filler: 'x'.repeat(BYTES) });
  await eventually(async () => expect(heldIn(await stage.dump())).toBe(1));
  expect(await stage.ask({ id: 'small' })).toBe('small');
  expect(stage.ledger.idsOf('start')).not.toContain('large');
  // It would take over what a lost lease held.
  const onlooker = await stage.startConsumer({ concurrency: 1 });

  await stage.untilAllHome();
  expect(performance.now() - begin).toBeGreaterThan(2 * LEASE_MS);
  expect(consumer.output + onlooker.output).not.toMatch(/lease/);
  expect(stage.ledger.idsOf('start').toSorted()).toEqual(['first', 'large', 'small']);
});

describe('large data that take long on their way', () => {
  const LARGE = 'x'.repeat(4 * 1_048_576);
  const whole = { compressAboveBytes: false } as const;

  interface Stage {
    readonly network: SlowNetwork;
    readonly client: RedisQueueClient;
    /** A handler got this data. */
    readonly heard: unknown[];
  }

  /** A server and a client, one of them behind a slow network. Both have already done once what they will do. */
  async function open(slow: 'server' | 'client'): Promise<Stage> {
    const network = rig.closeLater(await SlowNetwork.start(rig.redis.port));
    const urls = { server: rig.connection, client: rig.connection, [slow]: network.url };
    const heard: unknown[] = [];
    const stream = (): Observable<string> => concat(of('first', LARGE), of('last').pipe(delay(1)));
    const controllers = [
      controllerOf('large', () => LARGE),
      controllerOf('small', () => 'small'),
      controllerOf('stream', stream),
      controllerOf('take', (data) => void heard.push(data), { options: { concurrency: 1 } }),
    ];
    await rig.serve({ controllers }, { ...whole, connection: urls.server });
    const client = rig.client({ ...whole, connection: urls.client });
    await firstValueFrom(client.send('small', {}));
    await firstValueFrom(client.send('large', {}));
    await lastValueFrom(client.enqueue('take', LARGE));
    await eventually(() => expect(heard).toHaveLength(1));
    heard.length = 0;
    network.bytesPerSecond = BYTES_PER_SECOND;
    return { network, client, heard };
  }

  test.each(['server', 'client'] as const)(
    'keep no small reply waiting where the %s has a slow network, and do not change the order of a stream',
    async (slow) => {
      const { client } = await open(slow);
      let isThere = false;
      const large = firstValueFrom(client.send('large', {})).finally(() => (isThere = true));

      for (let asked = 0; asked < 5; asked += 1)
        expect(await firstValueFrom(client.send('small', {}))).toBe('small');
      expect(isThere).toBe(false);

      expect(await large).toHaveLength(LARGE.length);
      const values = await lastValueFrom(client.send<string>('stream', {}).pipe(toArray()));
      expect(values.map((value) => value.slice(0, 5))).toEqual(['first', 'xxxxx', 'last']);
    },
  );

  test('keep no small message of another queue waiting, and stay in order with those of their own', async () => {
    const { client, heard } = await open('client');
    const sent: string[] = [];
    const enqueue = async (name: string, data: string): Promise<void> => {
      await lastValueFrom(client.enqueue('take', data));
      sent.push(name);
    };
    const all = [
      enqueue('before', 'before'),
      enqueue('large', LARGE),
      enqueue('after', 'after'),
      enqueue('large 2', LARGE),
      enqueue('after 2', 'after 2'),
    ];

    for (let asked = 0; asked < 5; asked += 1)
      expect(await firstValueFrom(client.send('small', {}))).toBe('small');
    expect(sent).toEqual(['before']);

    await Promise.all(all);
    await eventually(() => expect(heard).toHaveLength(5));
    const names = heard.map((data) => String(data).slice(0, 7));
    expect(names).toEqual(['before', 'xxxxxxx', 'after', 'xxxxxxx', 'after 2']);
  });

  test('settle no request before its reply has been written', async () => {
    const { client, network } = await open('server');
    const processing = async (): Promise<number> => {
      const [list] = await rig.commands.keys(`${rig.prefix}:{large}:processing:*`);
      return list === undefined ? 0 : await rig.commands.llen(list);
    };
    network.bytesPerSecond = BYTES_PER_SECOND / 4;
    let isThere = false;
    const large = firstValueFrom(client.send('large', {})).finally(() => (isThere = true));
    await eventually(async () => expect(await processing()).toBe(1));

    // By then, more than a renewal has passed.
    for (let asked = 0; asked < 5; asked += 1) await firstValueFrom(client.send('small', {}));
    expect([isThere, await processing()]).toEqual([false, 1]);

    network.bytesPerSecond = Infinity;
    await large;
    await eventually(async () => expect(await processing()).toBe(0));
  });
});
