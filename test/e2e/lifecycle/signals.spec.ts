import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { NestProgram } from '../../support/nest-program.js';
import { nestRig } from '../../support/nest-rig.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

function start(kind: string): NestProgram {
  const environment = { KIND: kind, REDIS_URL: rig.redis.url, PREFIX: rig.prefix };
  return rig.closeLater(new NestProgram('nest-service', environment));
}

describe.each(['standalone', 'hybrid'])('a %s service', (kind) => {
  async function busy(): Promise<{ program: NestProgram; answer: Promise<unknown> }> {
    const program = start(kind);
    await program.prints('ready');
    const client = rig.client();
    const answer = lastValueFrom(client.send<unknown>('work', 'running'));
    await program.prints('begin running');
    await lastValueFrom(client.enqueue('work', 'waiting'));
    return { program, answer };
  }

  async function expectOrderlyEnd(answer: Promise<unknown>): Promise<void> {
    expect(await answer).toBe('done running');
    const queue = rig.queue('work');
    const bodies = (await queue.waiting()).map((element) => element.split('\n')[1]);
    expect(bodies).toEqual(['"waiting"']);
    expect(await queue.held()).toBe(0);
    const clients = (await rig.connections()).filter((name) => !name.includes(`-${process.pid}-`));
    expect(clients).toEqual([]);
  }

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'that gets %s lets running handlers end, begins nothing more, and only then destroys providers',
    async (signal) => {
      const { program, answer } = await busy();

      program.signal(signal);

      expect(await program.ended).toEqual({ code: null, signal });
      expect(program.printed).toEqual([
        'ready',
        'begin running',
        'end running',
        'destroyed',
        `shut down by ${signal}`,
      ]);
      await expectOrderlyEnd(answer);
    },
  );

  test('that closes itself lets running handlers end, begins nothing more, and leaves nothing that keeps it alive', async () => {
    const { program, answer } = await busy();

    await lastValueFrom(rig.client().emit('end', {}));

    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.printed).toEqual([
      'ready',
      'begin running',
      'end running',
      'destroyed',
      'shut down by a call',
      'closed',
    ]);
    await expectOrderlyEnd(answer);
  });

  test('that is idle ends at once', async () => {
    const program = start(kind);
    await program.prints('ready');
    const watch = Stopwatch.start();

    program.signal('SIGTERM');

    expect(await program.ended).toEqual({ code: null, signal: 'SIGTERM' });
    watch.expectAtMost(1_500);
    expect(program.printed).toEqual(['ready', 'destroyed', 'shut down by SIGTERM']);
  });
});

describe('a program that only calls', () => {
  test('ends by itself once its app is closed', async () => {
    const seen: unknown[] = [];
    @Controller()
    class EchoController {
      @MessagePattern('echo')
      echo(data: unknown): unknown {
        return data;
      }

      @EventPattern<string>('happened')
      onHappened(data: unknown): void {
        seen.push(data);
      }
    }
    await rig.serve({ controllers: [EchoController] });

    const program = start('caller');

    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.printed).toEqual([
      'answer',
      'ready',
      'destroyed',
      'shut down by a call',
      'closed',
    ]);
    expect(await rig.queue('work').waiting()).toHaveLength(1);
    await eventually(() => expect(seen).toEqual(['emitted']));
  });
});
