import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Inject } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  RedisQueueClient,
  RedisQueueHttpFilter,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';
import { findFreePort } from 'local-redis';
import type { Observable } from 'rxjs';
import { controllerOf } from '../delivery/controller.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

@Controller()
class AskController {
  constructor(@Inject(RedisQueueClient) private readonly client: RedisQueueClient) {}

  @Get('slow')
  slow(): Observable<unknown> {
    return this.client.send('slow', {});
  }

  @Get('unknown')
  unknown(): Observable<unknown> {
    return this.client.send('unknown', {});
  }

  @Get('wrong')
  wrong(): unknown {
    return this.client.enqueue('wrong', 5n);
  }

  @Get('other')
  other(): never {
    throw new Error('of the app');
  }
}

async function urlOf(isFiltered: boolean, connection = rig.redis.url): Promise<string> {
  const filter = { provide: APP_FILTER, useClass: RedisQueueHttpFilter };
  const options = { connection, requestTimeoutMs: 3_000, connectTimeoutMs: 2_000 };
  const app = await rig.application({
    controllers: [AskController],
    imports: [RedisQueueModule.register(rig.clientOptions(options))],
    providers: isFiltered ? [filter] : [],
  });
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

describe('an HTTP request whose handler fails because of the transport', () => {
  test('is answered with a fitting status, without details', async () => {
    await (await rig.serve({ controllers: [controllerOf('slow', () => undefined)] })).close(); // known, but down
    const url = await urlOf(true);

    const answers: unknown[] = [];
    for (const path of ['slow', 'unknown', 'wrong', 'other']) {
      const answer = await fetch(`${url}/${path}`);
      answers.push([answer.status, ((await answer.json()) as { code?: string }).code]);
    }

    expect(answers).toEqual([
      [504, 'REQUEST_TIMEOUT'],
      [502, 'NO_HANDLER'],
      [500, undefined],
      [500, undefined],
    ]);
  });

  test('is answered with 503 while Redis is away', async () => {
    const url = await urlOf(true, `redis://127.0.0.1:${await findFreePort()}`);

    expect((await fetch(`${url}/wrong`)).status).toBe(500);
    expect([503, 504]).toContain((await fetch(`${url}/unknown`)).status);
  });

  test('is answered with 500 without the filter, as with other transports', async () => {
    expect((await fetch(`${await urlOf(false)}/unknown`)).status).toBe(500);
  });
});
