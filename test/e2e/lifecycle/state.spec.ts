import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const handled: unknown[] = [];

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(data: unknown): string {
    handled.push(data);
    return 'pong';
  }
}

const parts = { controllers: [PingController] };

describe('the state of a server', () => {
  test('is reported by status and by on(), even to those who asked before it listened', async () => {
    const app = await rig.microservice(parts);
    const seen: string[] = [];
    const heard: string[] = [];
    app.status.subscribe((status: unknown) => seen.push(String(status)));
    for (const event of ['connected', 'reconnecting', 'disconnected']) {
      app.on(event, () => heard.push(event));
    }

    await app.listen();
    expect(seen).toEqual(['connected']);
    await killConnections('rq-commands');
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    expect(await lastValueFrom(rig.client().send('ping', {}))).toBe('pong');
    await app.close();

    await eventually(() => expect(seen.at(-1)).toBe('disconnected'));
    expect(heard).toEqual(seen);
  });

  test('reports trouble by on() and in the log, once, and its end', async () => {
    const app = await rig.microservice(parts);
    const errors: unknown[] = [];
    app.on('error', (error: unknown) => errors.push(error));
    await app.listen();

    await rig.redis.kill();
    await eventually(() => expect(errors.length).toBeGreaterThan(1));
    await rig.redis.restart();

    await eventually(() => expect(rig.logs.matching('log', /Redis answers again/)).toHaveLength(1));
    const refused = rig.logs.matching('error', /ECONNREFUSED/);
    expect(refused.length).toBeLessThan(4);
    // What Redis knew is gone too. Once the consumer has joined again, it takes messages again.
    const client = rig.client();
    await lastValueFrom(client.enqueue('ping', 'after the restart'));
    await eventually(() => expect(handled).toContain('after the restart'), 25_000);
  });

  test('includes the ioredis client behind it, while it listens', async () => {
    const app = await rig.microservice(parts);
    expect(() => app.unwrap<Redis>()).toThrow(/listen\(\)/);

    await app.listen();

    expect(await app.unwrap<Redis>().ping()).toBe('PONG');
    await app.close();
    expect(() => app.unwrap<Redis>()).toThrow(/listen\(\)/);
  });
});

describe('the state of a client', () => {
  test('is reported by status and by on(), even to those who asked before it connected', async () => {
    const client = rig.client();
    const seen: string[] = [];
    const heard: string[] = [];
    client.status.subscribe((status) => seen.push(status));
    for (const event of ['connected', 'reconnecting', 'disconnected'] as const) {
      client.on(event, () => heard.push(event));
    }

    await client.connect();
    expect(seen).toEqual(['connected']);
    await killConnections('rq-commands');
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    await client.close();
    await eventually(() => expect(seen.at(-1)).toBe('disconnected'));
    await client.connect();

    expect(seen).toEqual(['connected', 'reconnecting', 'connected', 'disconnected', 'connected']);
    expect(heard).toEqual(seen);
  });

  test('includes the ioredis client behind it, while it is connected', async () => {
    const client = rig.client();
    expect(() => client.unwrap<Redis>()).toThrow(/connect\(\)/);

    await client.connect();

    expect(await client.unwrap<Redis>().ping()).toBe('PONG');
    expect(client.unwrap<Redis>()).toBeInstanceOf(Redis);
    await client.close();
    expect(() => client.unwrap<Redis>()).toThrow(/connect\(\)/);
  });

  test('reports trouble in the background', async () => {
    const client = rig.client();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    await client.connect();

    await rig.redis.kill();
    await eventually(() => expect(errors).not.toEqual([]));
    await rig.redis.restart();

    await eventually(() => expect(rig.logs.matching('log', /Redis answers again/)).toHaveLength(1));
    await lastValueFrom(client.enqueue('ping', {}));
  });
});

async function killConnections(role: string): Promise<void> {
  const list = String(await rig.commands.client('LIST'));
  for (const [, id] of list.matchAll(new RegExp(`^id=(\\d+) .* name=${role}`, 'gm'))) {
    await rig.commands.client('KILL', 'ID', Number(id));
  }
}
