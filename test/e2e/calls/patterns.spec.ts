import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { InvalidPatternError } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** A controller with one handler for each pattern. The handler notes the pattern's index and the data. */
function controllerOf(
  patterns: readonly unknown[],
  decorate: (pattern: unknown) => MethodDecorator,
  handle: (index: number, data: unknown) => unknown,
): Type {
  class PatternsController {}
  for (const [index, pattern] of patterns.entries()) {
    const name = `handler${index}`;
    const value = (data: unknown): unknown => handle(index, data);
    Object.defineProperty(PatternsController.prototype, name, { value, configurable: true });
    const descriptor = Object.getOwnPropertyDescriptor(PatternsController.prototype, name)!;
    decorate(pattern)(PatternsController.prototype, name, descriptor);
  }
  Controller()(PatternsController);
  return PatternsController;
}

/** All different, and each a trap for something: JSON, keys, hash tags, globs, encodings. */
const PATTERNS: readonly unknown[] = [
  '1',
  '1.0',
  '1e3',
  'true',
  'null',
  'undefined',
  '[object Object]',
  ' ',
  ' a',
  'a b',
  'a\nb',
  'a\tb',
  'a\u0000b',
  '{',
  '{}',
  '{a}',
  'a{b}c',
  'a}',
  'a}:waiting',
  ':waiting',
  '**',
  'a.*b',
  'a[b]',
  '"quoted"',
  'back\\slash',
  'übergrößen',
  '注文.確認',
  '🚀',
  '\u00e9',
  'e\u0301',
  'x'.repeat(2_000),
  1000,
  -0.5,
  { cmd: 'sum' },
  { cmd: 'sum', version: 2 },
  { cmd: 'sum', version: '2' },
  { cmd: { nested: { deep: true } } },
  { 'a"b': 'c\\d' },
];

describe('a pattern', () => {
  test('of any kind reaches its own handler and no other, by send and by enqueue', async () => {
    const handled: [number, unknown][] = [];
    const controller = controllerOf(PATTERNS, MessagePattern, (index, data) => {
      handled.push([index, data]);
      return index;
    });
    await rig.serve({ controllers: [controller] });
    const client = rig.client();

    const answers = PATTERNS.map((pattern) => lastValueFrom(client.send(pattern, 'sent')));
    expect(await Promise.all(answers)).toEqual(PATTERNS.map((_, index) => index));
    handled.length = 0;
    for (const pattern of PATTERNS) await lastValueFrom(client.enqueue(pattern, 'enqueued'));

    await eventually(() => expect(handled).toHaveLength(PATTERNS.length));
    expect(handled.sort(([a], [b]) => a - b)).toEqual(
      PATTERNS.map((_, index) => [index, 'enqueued']),
    );
  });

  test('of any kind reaches its own handler and no other, by emit', async () => {
    const handled: number[] = [];
    const decorate = (pattern: unknown): MethodDecorator => EventPattern<unknown>(pattern);
    await rig.serve({
      controllers: [controllerOf(PATTERNS, decorate, (index) => handled.push(index))],
    });
    const client = rig.client();

    for (const pattern of PATTERNS)
      await lastValueFrom(client.emit(pattern, {}), { defaultValue: undefined });

    await eventually(() => expect(handled).toHaveLength(PATTERNS.length));
    expect(handled.sort((a, b) => a - b)).toEqual(PATTERNS.map((_, index) => index));
  });

  test.each([
    [
      'an object with another order of its keys',
      { b: { d: 1, c: 2 }, a: 3 },
      { a: 3, b: { c: 2, d: 1 } },
    ],
    ['a number and its text', 7, '7'],
    ['an object and its text', { cmd: 'sum' }, '{"cmd":"sum"}'],
  ])('is the same for %s', async (_, served, sent) => {
    await rig.serve({ controllers: [controllerOf([served], MessagePattern, () => 'same')] });

    expect(await lastValueFrom(rig.client().send(sent, {}))).toBe('same');
  });

  test('may be one of several for the same handler', async () => {
    @Controller()
    class AliasController {
      @MessagePattern(['sum.v1', 'sum.v2'])
      sum(): string {
        return 'sum';
      }
    }
    await rig.serve({ controllers: [AliasController] });
    const client = rig.client();

    expect(await lastValueFrom(client.send('sum.v1', {}))).toBe('sum');
    expect(await lastValueFrom(client.send('sum.v2', {}))).toBe('sum');
  });
});

const tooDeep = { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } };
const tooWide = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`key${index}`, 1]));

const INVALID: readonly [string, unknown][] = [
  ['that is empty', ''],
  ['that begins with a closing brace', '}x'],
  ['with half of a surrogate pair', 'half \ud83d'],
  ['that is a boolean', true],
  ['that is a bigint', 1n],
  ['that is a symbol', Symbol('sum')],
  ['that is a function', () => 'sum'],
  ['that is nested too deeply', tooDeep],
  ['with too many keys', tooWide],
  ['with a symbol inside', { cmd: Symbol('sum') }],
];

/** Handlers of events may have these patterns. */
const WILDCARDS: readonly [string, unknown][] = [
  ['with a wildcard', 'order.*'],
  ['that matches all events', '#'],
  ['that has a wildcard segment in the middle', 'order.*.late'],
];

describe('a pattern that cannot be a name', () => {
  test.each([...INVALID, ...WILDCARDS])(
    '%s is refused by the client before anything is sent',
    async (_, pattern) => {
      const client = rig.client();
      const errorOf = (call: () => Observable<unknown>): Promise<unknown> =>
        lastValueFrom(call(), { defaultValue: 'nothing' }).catch((error: unknown) => error);

      expect(await errorOf(() => client.send(pattern, {}))).toBeInstanceOf(InvalidPatternError);
      expect(await errorOf(() => client.enqueue(pattern, {}))).toBeInstanceOf(InvalidPatternError);
      expect(await errorOf(() => client.emit(pattern, {}))).toBeInstanceOf(InvalidPatternError);
      expect(await errorOf(() => client.enqueueMany(pattern, [1, 2]))).toBeInstanceOf(
        InvalidPatternError,
      );
      expect(await errorOf(() => client.emitMany(pattern, [1, 2]))).toBeInstanceOf(
        InvalidPatternError,
      );
      expect(await rig.commands.keys(`${rig.prefix}:*`)).toEqual([]);
    },
  );

  test('may be the queue of a group for events with a wildcard, since that queue takes messages', async () => {
    const client = rig.client();
    await lastValueFrom(client.enqueue('@billing/order.*', 1));
    await lastValueFrom(client.enqueueMany('@billing/order.*', [2, 3]));
    expect(await rig.queue('@billing/order.*').waiting()).toHaveLength(3);
    await expect(lastValueFrom(client.emit('@billing/order.*', 1))).rejects.toThrow(
      InvalidPatternError,
    );
  });

  // Nest itself fails on a symbol before it calls a server.
  const offered = INVALID.filter(([, pattern]) => typeof pattern !== 'symbol');

  test.each(offered)('%s is refused by the server when it starts', async (_, pattern) => {
    for (const decorate of [MessagePattern, (name: unknown) => EventPattern<unknown>(name)]) {
      const app = await rig.microservice({
        controllers: [controllerOf([pattern], decorate, () => 0)],
      });

      await expect(app.listen()).rejects.toThrow(InvalidPatternError);
    }
  });
});

describe('two handlers of one pattern', () => {
  test('are refused if a message must have exactly one, and the error names the pattern', async () => {
    @Controller()
    class FirstController {
      @MessagePattern({ cmd: 'sum', version: 1 })
      sum(): number {
        return 1;
      }
    }
    @Controller()
    class SecondController {
      @MessagePattern({ version: 1, cmd: 'sum' })
      sum(): number {
        return 2;
      }
    }
    const app = await rig.microservice({ controllers: [FirstController, SecondController] });

    const error: unknown = await app.listen().catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(InvalidPatternError);
    expect(error).toMatchObject({
      code: 'INVALID_PATTERN',
      pattern: '{"cmd":"sum","version":1}',
      message: expect.stringContaining('Two handlers claim @MessagePattern('),
    });
  });

  test('both work if one is for messages and the other for events', async () => {
    const heard: unknown[] = [];
    @Controller()
    class BothController {
      @EventPattern<string>('stock')
      onStock(data: unknown): void {
        heard.push(data);
      }

      @MessagePattern('stock')
      stock(data: unknown): unknown {
        return { answered: data };
      }

      @EventPattern<string>('stock')
      onStockToo(data: unknown): void {
        heard.push(data);
      }
    }
    await rig.serve({ controllers: [BothController] });
    const client = rig.client();

    await lastValueFrom(client.emit('stock', 'event'));
    expect(await lastValueFrom(client.send('stock', 'request'))).toEqual({ answered: 'request' });

    await eventually(() => expect(heard).toEqual(['event', 'event']));
  });
});
