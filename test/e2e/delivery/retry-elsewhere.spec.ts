import { Controller } from '@nestjs/common';
import type { INestMicroservice, Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

/** Well below the 5 s after which an idle consumer looks by itself. */
const SOON_MS = 2_500;

test('a retry whose server has gone is run on time by another one that was idle', async () => {
  const attempts: { server: number; watch: Stopwatch }[] = [];

  function failingOnce(server: number): Type {
    @Controller()
    class Work {
      @MessagePattern('work', { retry: { attempts: 2, backoff: 'fixed', delayMs: 300 } })
      work(): void {
        attempts.at(-1)?.watch.stop();
        attempts.push({ server, watch: Stopwatch.start() });
        if (attempts.length === 1) throw new Error('fails the first time');
      }
    }
    return Work;
  }

  const servers: INestMicroservice[] = [];
  for (const server of [0, 1])
    servers.push(await rig.serve({ controllers: [failingOnce(server)] }));
  await lastValueFrom(rig.client().enqueue('work', {}));
  await eventually(() => expect(attempts).toHaveLength(1));
  await servers[attempts[0]!.server]!.close();
  await eventually(() => expect(attempts).toHaveLength(2));

  expect(attempts[1]!.server).not.toBe(attempts[0]!.server);
  attempts[0]!.watch.expectAtMost(SOON_MS);
});
