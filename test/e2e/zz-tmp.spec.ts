import { test, expect } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { setTimeout as sleep } from 'node:timers/promises';
import { nestRig } from '../support/nest-rig.js';
import { eventually } from '../support/eventually.js';
const rig = nestRig();
@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
  @EventPattern<string>('pinged')
  pinged(): string {
    return 'pong';
  }
}
test('x', async () => {
  const app = await rig.microservice({ controllers: [PingController] });
  const t0 = performance.now();
  const at = () => Math.round(performance.now() - t0);
  let errors = 0;
  app.on('error', (error: unknown) => {errors += 1; console.log(at(), 'error', String(error))});
  app.status.subscribe((s: unknown) => console.log(at(), s));
  await app.listen();
  await rig.redis.kill();
    await eventually(() => expect(errors).toBeGreaterThan(1));
  await rig.redis.restart();
  console.log(at(), 'restarted');
  let n = 0;
  for (let i = 0; i < 28; i += 1) {
    await sleep(500);
    const lines = rig.logs.lines.slice(n);
    n = rig.logs.lines.length;
    if (lines.length) console.log(at(), lines.map((l) => l.level + ' ' + l.text));
  }
  console.log(String(await rig.commands.keys('*')));
});
