import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import { RedisRefusedError } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();

/** While Redis refuses, a consumer asks less than this, where a hot loop asks thousands of times. */
const MOST_REFUSALS_PER_SECOND = 20;

interface Refusal {
  readonly reply: string;
  /** Makes Redis refuse. */
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

const waiting = (): string => `${rig.prefix}:{work}:waiting`;

const refusals: Refusal[] = [
  {
    reply: 'WRONGTYPE',
    begin: () => rig.commands.set(waiting(), 'text'),
    end: () => rig.commands.del(waiting()),
  },
  {
    reply: 'NOPERM',
    begin: () =>
      rig.commands.call('ACL', 'SETUSER', 'service', '-evalsha', '-eval', '-blmove', '-rpush'),
    end: () => rig.commands.call('ACL', 'SETUSER', 'service', '+@all'),
  },
  {
    reply: 'READONLY',
    // A replica of a primary that nobody runs.
    begin: () => rig.commands.replicaof('127.0.0.1', '1'),
    end: () => rig.commands.replicaof('NO', 'ONE'),
  },
];

test.each(refusals)(
  'while Redis answers $reply calls fail with it, consumers pause, and go on by themselves afterwards',
  async ({ reply, begin, end }) => {
    const handled: string[] = [];

    @Controller()
    class Work {
      @MessagePattern('work')
      work(@Payload() name: string): void {
        handled.push(name);
      }
    }

    await rig.commands.call('ACL', 'SETUSER', 'service', 'on', '>secret', '~*', '&*', '+@all');
    const url = new URL(rig.redis.url);
    const connection = {
      host: url.hostname,
      port: Number(url.port),
      username: 'service',
      password: 'secret',
    };
    await rig.serve({ controllers: [Work] }, { connection, leaseMs: 2_000 });
    const client = rig.client({ connection });
    await lastValueFrom(client.enqueue('work', 'before'));
    await eventually(() => expect(handled).toEqual(['before']));

    await begin();
    // The wait that is under way may still take it, where it is allowed to.
    const refusal = await eventually(async () => {
      const error: unknown = await lastValueFrom(client.enqueue('work', 'meanwhile')).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(RedisRefusedError);
      return error;
    });
    expect(refusal).toMatchObject({ code: 'REDIS_REFUSED', reply });
    const logged = new RegExp(reply);
    await eventually(
      () => expect(rig.logs.matching('error', logged).length).toBeGreaterThan(0),
      15_000,
    );
    const before = await refused();
    const since = performance.now();
    await eventually(() => expect(performance.now() - since).toBeGreaterThan(2_000));
    expect((await refused()) - before).toBeLessThan(2 * MOST_REFUSALS_PER_SECOND);

    await end();
    await eventually(async () => {
      await lastValueFrom(client.enqueue('work', 'after'));
      expect(handled).toContain('after');
    }, 15_000);
  },
  60_000,
);

/** How many commands Redis has refused or failed so far. */
async function refused(): Promise<number> {
  const stats = await rig.commands.info('errorstats');
  return [...stats.matchAll(/count=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}
