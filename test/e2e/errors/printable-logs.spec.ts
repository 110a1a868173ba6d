import { expect, test } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const EVIL = 'x\n\u001b[31m[Nest] 1 - LOG all is well';

@Controller()
class EvilController {
  @MessagePattern(`work ${EVIL}`, { retry: { attempts: 2, delayMs: 1 } })
  work(): void {
    throw new Error(EVIL);
  }

  @EventPattern<string>('happened')
  onHappened(): void {
    throw new Error(EVIL);
  }
}

function captured(): string[] {
  const words: string[] = [];
  const keep = (...some: unknown[]): void => {
    // Nest's own filter logs plain errors, not this library.
    if (some.at(-1) !== 'RpcExceptionsHandler') words.push(...some.map(String));
  };
  Logger.overrideLogger({ log: keep, warn: keep, error: keep, debug: keep });
  return words;
}

test('text from others cannot add lines to the log, or control the terminal', async () => {
  const words = captured();
  await rig.serve({ controllers: [EvilController] });
  const client = rig.client();
  const record = new RedisQueueRecordBuilder({}).id(`id ${EVIL}`).headers({ [EVIL]: EVIL });
  await lastValueFrom(client.enqueue(`work ${EVIL}`, record.build()));
  await lastValueFrom(client.emit('happened', {}));
  await rig.commands.rpush(`${rig.prefix}:{work ${EVIL}}:waiting`, `{"rq":1,"id":"b"}${EVIL}`);

  await eventually(() => {
    expect(words.join('|')).toMatch(/Retr|failed/i);
    expect(words.join('|')).toMatch(/dead-lettered/i);
    expect(words.join('|')).toContain('A handler of the event "happened" failed');
  });
  for (const word of words) {
    // eslint-disable-next-line no-control-regex -- these are what must not be there
    expect(word).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(word).not.toMatch(/\n(?! {4}at )/);
  }
});

test('replies that cannot be read are reported once, not one by one', async () => {
  await rig.serve({ controllers: [EvilController] });
  const client = rig.client();
  await lastValueFrom(client.send(`work ${EVIL}`, {})).catch(() => undefined);
  const connections = await rig.connections();
  const name = connections
    .find((each) => each.startsWith('rq-replies-'))
    ?.slice('rq-replies-'.length);
  const list = `${rig.prefix}:{reply:${name}}:replies`;
  for (let index = 0; index < 20; index += 1) await rig.commands.rpush(list, `none ${index}`);
  await eventually(async () => expect(await rig.commands.llen(list)).toBe(0));

  await eventually(() =>
    expect(rig.logs.matching('error', /reply cannot be read/)).toHaveLength(1),
  );
});
