import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { expect, test } from '@jest/globals';
import { Subject, lastValueFrom, tap } from 'rxjs';
import type { Observable } from 'rxjs';
import { commandsThrough } from '../support/commands-through.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { Proxy } from '../support/proxy.js';

const rig = nestRig();

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
