import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Cluster } from 'ioredis';
import { RedisQueueMessage, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { from, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { toArray } from 'rxjs/operators';
import { clusterRig } from '../support/cluster-rig.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(60_000);

const rig = clusterRig();

const QUEUES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
const COUNT = 20;

let seen: string[] = [];
let heard: unknown[] = [];

beforeEach(() => {
  seen = [];
  heard = [];
});

@Controller()
class EchoController {
  @MessagePattern([...QUEUES])
  note(@Payload() text: string): string {
    seen.push(text);
    return text.toUpperCase();
  }

  @MessagePattern('count')
  count(@Payload() to: number): Observable<number> {
    return from(Array.from({ length: to }, (_, index) => index));
  }

  @EventPattern('happened')
  hear(@Payload() data: unknown): void {
    heard.push(data);
  }
}

const parts = { controllers: [EchoController] };

async function enqueueAll(client: ReturnType<typeof rig.client>, round = 0): Promise<string[]> {
  const texts = QUEUES.flatMap((queue) =>
    Array.from({ length: COUNT }, (_, index) => `${queue}-${round}-${index}`),
  );
  await Promise.all(texts.map((text) => client.enqueue(text.charAt(0), text)));
  return texts;
}

describe('on a cluster', () => {
  test('messages, requests and live events reach their handlers, whatever their node', async () => {
    await rig.serve(parts);
    const client = rig.client();

    const texts = await enqueueAll(client);
    const replies = await Promise.all(
      QUEUES.map((queue) => lastValueFrom(client.send<string>(queue, `${queue}-asked`))),
    );
    const counted = await lastValueFrom(client.send<number>('count', 5).pipe(toArray()));
    expect(await client.emit('happened', 'now')).toMatchObject({ groups: 0 });

    await eventually(() => expect(seen).toHaveLength(texts.length + QUEUES.length));
    expect(seen.filter((text) => !text.endsWith('asked')).sort()).toEqual(texts.sort());
    expect(replies).toEqual(QUEUES.map((queue) => `${queue.toUpperCase()}-ASKED`));
    expect(counted).toEqual([0, 1, 2, 3, 4]);
    await eventually(() => expect(heard).toEqual(['now']));
    expect(rig.logs.matching('warn', /happened/)).toEqual([]);
  });

  test('messages with a key keep their order, delayed ones come when they are due, large ones come whole', async () => {
    await rig.serve(parts, { concurrency: 8 });
    const client = rig.client();
    const large = `c-${'x'.repeat(400_000)}`;
    const record = (text: string): RedisQueueRecordBuilder<string> =>
      new RedisQueueRecordBuilder(text);

    for (let index = 0; index < 10; index += 1)
      await client.enqueue('a', record(`a-${index}`).key('k').build());
    await client.enqueue('b', record('b-late').delay(300).build());
    const reply = await lastValueFrom(client.send<string>('c', large));

    expect(reply).toBe(large.toUpperCase());
    await eventually(() => expect(seen).toHaveLength(12));
    expect(seen.filter((text) => text.startsWith('a'))).toEqual(
      Array.from({ length: 10 }, (_, index) => `a-${index}`),
    );
  });

  test('lists of other programs are read if they have the hash tag of the queue', async () => {
    const feeding = (list: string): Type => {
      @Controller()
      class FedController {
        @RedisQueueMessage('fed', { feedFrom: { list, take: 'left' } })
        note(@Payload() text: string): void {
          seen.push(text);
        }
      }
      return FedController;
    };
    await expect(rig.serve({ controllers: [feeding('in')] })).rejects.toThrow(/\{fed\}:in/);
    await rig.serve({ controllers: [feeding('{fed}:in')] });

    const source = await rig.cluster.primaryOf('{fed}');
    await rig.commands.rpush('{fed}:in', '"before"');
    await eventually(() => expect(seen).toEqual(['before']));
    const [target] = (await rig.cluster.primaries()).filter((server) => server !== source);
    await rig.cluster.moveSlot('{fed}', target!);
    await rig.commands.rpush('{fed}:in', '"after"');

    await eventually(() => expect(seen).toEqual(['before', 'after']));
  });

  test('a Cluster of ioredis is copied, and neither used nor closed', async () => {
    const cluster = new Cluster([...rig.cluster.nodes], { lazyConnect: true });
    await rig.serve(parts);
    const client = rig.client({ connection: cluster });

    await enqueueAll(client);

    await eventually(() => expect(seen).toHaveLength(QUEUES.length * COUNT));
    expect(cluster.status).toBe('wait');
    cluster.disconnect();
  });

  test('a process has the same few connections to each node, however many handlers it has', async () => {
    await rig.serve(parts);
    await enqueueAll(rig.client());
    await eventually(() => expect(seen).toHaveLength(QUEUES.length * COUNT));
    await pause(500);

    const names = (await rig.openConnections()).map((name) => name.replace(/^rq-(\w+)-.*/, '$1'));

    const count = (role: string): number => names.filter((name) => name === role).length;
    // Each of the server and of the client has one for each node.
    expect(count('commands')).toBe(6);
    expect(count('wait')).toBe(2);
    // One to hear news and events, and one for each node that tells of changes.
    expect(count('events')).toBeLessThanOrEqual(4);
    expect(count('cluster')).toBe(2);
  });
});

describe('a slot that moves to another node', () => {
  test('takes its queue along: senders and consumers follow it, those asleep as well', async () => {
    await rig.serve(parts, { leaseMs: 3_000 });
    const client = rig.client();
    await enqueueAll(client);
    await eventually(() => expect(seen).toHaveLength(QUEUES.length * COUNT));

    for (const queue of QUEUES) {
      const key = `{${queue}}`;
      const source = await rig.cluster.primaryOf(key);
      const [target] = (await rig.cluster.primaries()).filter((server) => server !== source);
      await rig.cluster.moveSlot(key, target!); // there are others
    }
    const before = seen.length;
    const started = performance.now();
    await enqueueAll(client, 1);

    await eventually(() => expect(seen).toHaveLength(before + QUEUES.length * COUNT), 20_000);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(rig.logs.matching('error', /./)).toEqual([]);
  });

  test('delays calls while it is on its way, and loses nothing', async () => {
    await rig.serve(parts, { leaseMs: 3_000 });
    const client = rig.client();
    const source = await rig.cluster.primaryOf('{a}');
    const [target] = (await rig.cluster.primaries()).filter((server) => server !== source);
    const sending: Promise<unknown>[] = [];
    let sent = 0;

    await rig.cluster.moveSlot(
      '{a}',
      target!,
      async () => {
        for (let index = 0; index < 20; index += 1) {
          sending.push(lastValueFrom(client.enqueue('a', `a-${(sent += 1)}`)));
          await pause(5);
        }
      },
      1,
    );

    await Promise.all(sending);
    await eventually(() => expect(new Set(seen).size).toBe(sent), 20_000);
    expect(seen).toHaveLength(sent);
  });
});

test('a node that has left the cluster is forgotten: health is up again', async () => {
  const server = rig.strategy({ leaseMs: 3_000 });
  await (await rig.microservice(parts, server)).listen();
  const client = rig.client();
  const before = await rig.cluster.primaryOf('{a}');
  const added = await rig.cluster.add();
  await rig.cluster.moveSlot('{a}', added);
  await enqueueAll(client);
  await rig.cluster.moveSlot('{a}', before);
  await enqueueAll(client, 1);

  await rig.cluster.remove(added);
  await enqueueAll(client, 2);
  await pause(500); // so that the end of the connections is noticed

  const up = expect.objectContaining({ status: 'up' });
  await eventually(() => expect([server.health(), client.health()]).toEqual([up, up]));
  await eventually(() => expect(seen).toHaveLength(3 * QUEUES.length * COUNT));
});
