import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { NEVER, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { GREETING, wireRig } from './wire-rig.js';

const rig = wireRig();

interface Handled {
  readonly data: unknown;
  readonly context: RedisQueueContext;
}

function noting(handled: Handled[]): Type {
  @Controller()
  class NotingController {
    @MessagePattern('mail.send')
    send(@Payload() data: unknown, @Ctx() context: RedisQueueContext): void {
      handled.push({ data, context });
    }
  }
  return NotingController;
}

@Controller()
class AnsweringController {
  @MessagePattern({ cmd: 'sum' })
  sum(numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @MessagePattern('count')
  count(to: number): Observable<number> {
    return of(...Array.from({ length: to }, (_, index) => index + 1));
  }

  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @MessagePattern('much')
  much(bytes: number): Observable<string> {
    return of(randomBytes(bytes / 2).toString('hex'), 'small');
  }

  @MessagePattern('nothing')
  nothing(): void {
    return undefined;
  }

  @MessagePattern('fails')
  fails(): void {
    throw new RpcException({ code: 17, text: GREETING });
  }

  @MessagePattern('silent')
  silent(): Observable<never> {
    return NEVER;
  }
}

describe('enqueue.py', () => {
  test('hands a message to our handler, with id, time, headers and text unchanged', async () => {
    const handled: Handled[] = [];
    await rig.nest.serve({ controllers: [noting(handled)] });
    const [seconds] = await rig.nest.commands.time();

    const printed = await rig.finish(
      'enqueue',
      ...['--id', 'mail-17', '--header', 'tenant=Müller', '--header', 'trace=1=2'],
      ...['mail.send', JSON.stringify({ to: 'ada@example.com', text: GREETING })],
    );

    expect(printed).toEqual(['held as mail-17']);
    const [{ data, context }] = await eventually(() => {
      expect(handled).toHaveLength(1);
      return handled as [Handled];
    });
    expect(data).toEqual({ to: 'ada@example.com', text: GREETING });
    expect(context.getMessageId()).toBe('mail-17');
    expect(context.getAttempt()).toBe(1);
    expect(context.getHeaders()).toEqual({ tenant: 'Müller', trace: '1=2' });
    const ageMs = (context.getSentAt()?.getTime() ?? 0) - Number(seconds) * 1_000;
    expect(ageMs).toBeGreaterThanOrEqual(0);
    expect(ageMs).toBeLessThan(20_000);
  });

  test('is held while no server is up, and known to the admin', async () => {
    await rig.finish('enqueue', 'mail.send', '"held"');

    expect(await rig.admin().queues()).toEqual(['mail.send']);
    expect(await rig.admin().peek('mail.send')).toMatchObject([{ data: 'held', attempt: 1 }]);
    const handled: Handled[] = [];
    await rig.nest.serve({ controllers: [noting(handled)] });
    await eventually(() => expect(handled.map(({ data }) => data)).toEqual(['held']));
  });

  test('with --once is accepted once, even from another sender', async () => {
    const once = ['--once', '60000', '--id', 'a', 'mail.send'];

    const first = await rig.finish('enqueue', ...once, '1');
    const second = await rig.finish('enqueue', ...once, '2');

    expect([first, second]).toEqual([['held as a'], ['held before as a']]);
    expect(await rig.admin().peek('mail.send')).toMatchObject([{ data: 1 }]);
  });

  test('with --bounded is refused by a full queue', async () => {
    const noting = (): unknown => undefined;
    const options = { maxLength: 1 };
    const app = await rig.nest.serve({
      controllers: [controllerOf('mail.send', noting, { options })],
    });
    await app.close();

    await rig.finish('enqueue', '--bounded', 'mail.send', '1');
    const refused = rig.run('enqueue', '--bounded', 'mail.send', '2');

    expect(await refused.ended).toBe(1);
    expect(refused.complaints).toContain('mail.send is full: 1 messages wait, and 1 may');
    expect(await rig.admin().peek('mail.send')).toMatchObject([{ data: 1 }]);
  });

  test('with --delay is handed out when it is due, and not before', async () => {
    const handled: Handled[] = [];
    await rig.nest.serve({ controllers: [noting(handled)] });

    await rig.finish('enqueue', '--delay', '600000', 'mail.send', '"much later"');
    await rig.finish('enqueue', '--delay', '300', 'mail.send', '"soon"');

    const [{ context }] = await eventually(() => {
      expect(handled.map(({ data }) => data)).toEqual(['soon']);
      return handled as [Handled];
    });
    const [seconds, microseconds] = await rig.nest.commands.time();
    const nowMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    expect(nowMs - (context.getSentAt()?.getTime() ?? nowMs)).toBeGreaterThanOrEqual(300);
    expect(await rig.admin().delayed('mail.send')).toMatchObject([{ data: 'much later' }]);
  });
});

describe('request.py', () => {
  const ask = (queue: string, data: unknown, ...options: string[]): Promise<string[]> =>
    rig.finish('request', ...options, queue, JSON.stringify(data));

  test('gets what our handlers answer: a value, several, or none', async () => {
    await rig.nest.serve({ controllers: [AnsweringController] });

    const [sum, counted, nothing, echoed] = await Promise.all([
      ask('{"cmd":"sum"}', [1, 2, 3.5]),
      ask('count', 3),
      ask('nothing', {}),
      ask('echo', { text: GREETING }),
    ]);

    expect(sum).toEqual(['6.5']);
    expect(counted).toEqual(['1', '2', '3']);
    expect(nothing).toEqual([]);
    expect(echoed.map((line): unknown => JSON.parse(line))).toEqual([{ text: GREETING }]);
  });

  test('gets a large reply whose body is parked, in order', async () => {
    await rig.nest.serve({ controllers: [AnsweringController] });

    const [much = '', small] = await ask('much', 300_000);

    expect(much).toMatch(/^"[0-9a-f]+"$/);
    expect([much.length, small]).toEqual([300_002, '"small"']);
  });

  test('gets the error of our handler', async () => {
    await rig.nest.serve({ controllers: [AnsweringController] });

    const program = rig.run('request', 'fails', '{}');

    expect(await program.ended).toBe(1);
    expect(JSON.parse(program.complaints)).toEqual({ code: 17, text: GREETING });
  });

  test('fails at once for a queue that nobody has served, and leaves nothing behind', async () => {
    const program = rig.run('request', 'nobody', '{}');

    expect(await program.ended).toBe(1);
    expect(program.complaints).toContain('Nothing has ever served nobody');
    expect(await rig.nest.queue('nobody').waiting()).toEqual([]);
  });

  test('fails when its time is over', async () => {
    await rig.nest.serve({ controllers: [AnsweringController] }, { shutdownTimeoutMs: 0 });

    const program = rig.run('request', '--timeout', '0.5', 'silent', '{}');

    expect(await program.ended).toBe(1);
    expect(program.complaints).toContain('No reply within 0.5 s');
  });
});

describe('emit.py', () => {
  test('is heard by each of our live replicas', async () => {
    const heard: unknown[] = [];
    @Controller()
    class HearingController {
      @EventPattern<string>('user.created')
      hear(@Payload() data: unknown): void {
        heard.push(data);
      }
    }
    await rig.nest.serve({ controllers: [HearingController] });
    await rig.nest.serve({ controllers: [HearingController] });

    const printed = await rig.finish('emit', 'user.created', JSON.stringify({ name: GREETING }));

    expect(printed).toEqual(['groups: 0, listeners: 2']);
    await eventually(() => expect(heard).toEqual([{ name: GREETING }, { name: GREETING }]));
  });
});
