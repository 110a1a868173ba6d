import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { RedisQueueAdmin, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { EmitResult } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Collects what both databases have heard. Each message says where it was sent. */
let heard: string[];

@Controller()
class ListeningController {
  @EventPattern('placed')
  onPlaced(from: string): void {
    heard.push(`plain ${from}`);
  }

  @EventPattern('placed.*')
  onAny(from: string): void {
    heard.push(`wildcard ${from}`);
  }

  @EventPattern('kept', { history: { maxLength: 10 }, recover: { withinMs: 60_000 } })
  onKept(from: string): void {
    heard.push(`kept ${from}`);
  }

  @MessagePattern('work')
  work(from: string): void {
    heard.push(`work ${from}`);
  }
}

test('live events, recovered ones too, and wake-ups stay in the database in which they were sent', async () => {
  heard = [];
  const other = `${rig.redis.url}/1`;
  await rig.serve({ controllers: [ListeningController] }, { connection: other });
  const here = rig.client();
  const there = rig.client({ connection: other });
  const keys = rig.commands.duplicate({ db: 1 });
  rig.closeLater({ close: () => keys.quit() });
  const admin = rig.closeLater(new RedisQueueAdmin({ connection: other, prefix: rig.prefix }));

  const emit = (pattern: string): Promise<EmitResult> =>
    lastValueFrom(here.emit(pattern, 'database 0'));
  expect(await emit('placed')).toMatchObject({ listeners: 0 });
  expect(await emit('placed.now')).toMatchObject({ listeners: 0 });
  await lastValueFrom(here.enqueue('work', 'database 0'));
  for (const pattern of ['placed', 'placed.now', 'kept'])
    await lastValueFrom(there.emit(pattern, 'database 1'));
  await lastValueFrom(there.enqueue('work', 'database 1'));
  const later = new RedisQueueRecordBuilder('delayed in database 1').delay(50).build();
  await lastValueFrom(there.enqueue('work', later));
  await admin.pause('work');
  await eventually(async () => expect((await admin.lengths('work')).isPaused).toBe(true));
  await admin.resume('work');

  await eventually(() =>
    expect(heard.toSorted()).toEqual([
      'kept database 1',
      'plain database 1',
      'wildcard database 1',
      'work database 1',
      'work delayed in database 1',
    ]),
  );
});
