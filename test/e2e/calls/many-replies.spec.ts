import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { count, lastValueFrom, range } from 'rxjs';
import type { Observable } from 'rxjs';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const VALUES = 150_000;

@Controller()
class NumbersController {
  @MessagePattern('numbers')
  numbers(): Observable<number> {
    return range(0, VALUES);
  }
}

test('a request gets every value of an Observable that emits all of them at once', async () => {
  const app = await rig.microservice({ controllers: [NumbersController] }, rig.strategy());
  await app.listen();
  const client = rig.client({ requestTimeoutMs: 60_000 });
  expect(await lastValueFrom(client.send<number>('numbers', {}).pipe(count()))).toBe(VALUES);
}, 60_000);
