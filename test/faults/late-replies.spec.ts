import { setTimeout as pause } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { expect, jest, test } from '@jest/globals';
import { Subject, lastValueFrom, tap } from 'rxjs';
import type { Observable } from 'rxjs';
import { commandsThrough } from '../support/commands-through.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { Proxy } from '../support/proxy.js';

const rig = nestRig();

jest.setTimeout(60_000);

test('answers that a handler gives while Redis is away arrive when it is back, in order', async () => {
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const answers = new Subject<number>();

  @Controller()
  class SlowController {
    @MessagePattern('work')
    work(@Payload() _data: unknown): Observable<number> {
      return answers;
    }
  }

  const connection = commandsThrough(proxy, rig.redis.url);
  const strategy = rig.strategy({ connection });
  let isAway = false;
  strategy.on('reconnecting', () => (isAway = true));
  await (await rig.microservice({ controllers: [SlowController] }, strategy)).listen();
  const received: number[] = [];
  const answered = lastValueFrom(
    rig
      .client()
      .send<number>('work', {})
      .pipe(tap((number) => received.push(number))),
  );
  await eventually(() => expect(answers.observed).toBe(true));
  answers.next(1);
  await eventually(() => expect(received).toEqual([1]));

  proxy.refuse(true);
  proxy.cut();
  await eventually(() => expect(isAway).toBe(true));
  for (const number of [2, 3]) {
    answers.next(number);
    await new Promise(setImmediate); // each is a separate reply
  }
  answers.complete();
  await new Promise(setImmediate);
  proxy.refuse(false);

  await answered;
  expect(received).toEqual([1, 2, 3]);
});

test('an answer that a handler gives while Redis is silent for a while arrives over the same connection', async () => {
  const answers = new Subject<string>();

  @Controller()
  class SlowController {
    @MessagePattern('work')
    work(@Payload() _data: unknown): Observable<string> {
      return answers;
    }
  }

  await rig.serve({ controllers: [SlowController] });
  rig.closeLater({ close: () => rig.redis.resume() }); // even if the test fails meanwhile
  const answered = lastValueFrom(rig.client().send<string>('work', {}));
  await eventually(() => expect(answers.observed).toBe(true));
  const before = await repliesConnections();
  expect(before).toHaveLength(1);

  // The call that reads replies has blocked for a while. Commands tolerate a silence of 5 s.
  await pause(3_500);
  rig.redis.pause();
  answers.next('done');
  answers.complete();
  await pause(4_500);
  rig.redis.resume();

  expect(await answered).toBe('done');
  expect(await repliesConnections()).toEqual(before);
});

/** Redis's ids of the connections that read replies. */
async function repliesConnections(): Promise<string[]> {
  const list = String(await rig.commands.client('LIST'));
  return [...list.matchAll(/^id=(\d+) .* name=rq-replies-/gm)].map(([, id = '']) => id);
}
