import 'reflect-metadata';
import { expect } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueRecordBuilder,
  RedisQueueServer,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom, interval } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../support/eventually.js';

/** A list that other programs fill. */
export const FOREIGN_LIST = 'partner:in';

/** Where each role connects to. */
export interface RoleUrls {
  readonly producer: string;
  readonly consumer: string;
  readonly administrator: string;
  /** A user that only looks. */
  readonly observer: string;
}

const PREFIX = 'rq';
const HISTORY = { maxLength: 10, maxAgeMs: 60_000 };
/** Larger bodies are parked. */
const PARK_ABOVE_BYTES = 1_000;
/** As a reply, it is parked. */
const VERY_LARGE_TEXT = 'x'.repeat(100_000);
const LARGE_TEXT = 'x'.repeat(2 * PARK_ABOVE_BYTES);
/** As other programs push it, so a consumer parks the body. */
const LARGE_ELEMENT = JSON.stringify('x'.repeat(300_000));

let heard: string[] = [];
let cameDue = false;

@Controller()
class EveryWayController {
  @MessagePattern('works', { once: { windowMs: 60_000 } })
  works(): string {
    return 'done';
  }

  @MessagePattern('answers.much')
  answersMuch(): string {
    return VERY_LARGE_TEXT;
  }

  @MessagePattern('dies')
  dies(): void {
    throw new DeadLetter('on purpose');
  }

  @MessagePattern('comes.back')
  comesBack(@Ctx() context: RedisQueueContext): void {
    if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 10 });
  }

  @MessagePattern('in.order', { perKey: { running: 2 } })
  async inOrder(@Ctx() context: RedisQueueContext): Promise<string> {
    const id = context.getMessageId();
    if (id === 'due') cameDue = true;
    // So the other comes due while this one is out.
    if (id === 'waits') await eventually(() => expect(cameDue).toBe(true));
    if (id === 'dead') throw new DeadLetter('on purpose');
    if (id === 'again' && context.getAttempt() === 1) throw new RetryLater({ delayMs: 10 });
    return 'done';
  }

  /** Three of a key start at once, the next in two seconds. */
  @MessagePattern('at.a.pace', { perKey: { running: 2, rate: 30, perMs: 60_000 } })
  atAPace(): string {
    return 'done';
  }

  @MessagePattern('by.priority')
  byPriority(): void {
    heard.push('by priority');
  }

  @MessagePattern('ticks')
  ticks(): Observable<number> {
    return interval(5);
  }

  @MessagePattern('from.others', { feedFrom: { list: FOREIGN_LIST } })
  fromOthers(): void {
    heard.push('foreign');
  }

  @EventPattern<string>('happened')
  happened(): void {
    heard.push('live');
  }

  @EventPattern<string>('happened.*', { history: HISTORY, recover: { withinMs: 60_000 } })
  happenedAnyhow(): void {
    heard.push('recovering');
  }

  @EventPattern<string>('happened.*', { group: 'group', from: 'earliest', key: () => 'read' })
  happenedToAGroup(): void {
    heard.push('group');
  }
}

@Module({ controllers: [EveryWayController] })
class EveryWayModule {}

@Controller()
class WithoutKeyController {
  @EventPattern<string>('told', { group: 'changes' })
  told(): void {
    heard.push('told');
  }
}

@Module({ controllers: [WithoutKeyController] })
class WithoutKeyModule {}

/** The same service in another version. */
@Controller()
class WithKeyController {
  @EventPattern<string>('told', { group: 'changes', key: () => 'read' })
  told(): void {
    heard.push('told by key');
  }
}

@Module({ controllers: [WithKeyController] })
class WithKeyModule {}

interface Closable {
  close(): Promise<unknown>;
}

/** Does everything that makes the library send a command, in each of its roles. */
export class EveryWay {
  readonly #open: Closable[] = [];
  /** The methods of the administrator that were called. */
  readonly administered = new Set<string>();

  constructor(
    private readonly operator: Redis,
    private readonly urls: RoleUrls,
  ) {
    heard = [];
    cameDue = false;
  }

  async close(): Promise<void> {
    for (const each of this.#open.reverse()) await each.close();
  }

  async run(beforeStop: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    const { administrator, observer, producer } = this.urls;
    const client = this.#add(
      new RedisQueueClient({
        connection: producer,
        prefix: PREFIX,
        parkAboveBytes: PARK_ABOVE_BYTES,
      }),
    );
    const admin = this.#noting(
      this.#add(new RedisQueueAdmin({ connection: administrator, prefix: PREFIX })),
    );
    const looker = this.#add(new RedisQueueAdmin({ connection: observer, prefix: PREFIX }));

    await this.#leaveExpired(client);
    await this.#pretendCrash('works');
    await this.operator.rpush('rq:{works}:waiting', LARGE_ELEMENT);
    await this.operator.zadd('rq:{works}:delayed', 1, LARGE_ELEMENT);
    await admin.declare('happened.*', { history: HISTORY });
    await firstValueFrom(client.emit('happened.before', record('before').key('a').build()));
    await this.#changeKeys(client, beforeStop);
    const server = await this.#serve();
    await this.#send(client);
    await this.#sendInOrder(client);
    await this.#sendByPriority(client);
    await this.#emit(client);
    await this.#foreign();
    await this.#leaveStray('works');
    await this.#untilHandled(admin);
    await this.#takeLate('works');
    await this.#administer(admin, looker, client);
    await beforeStop();
    await server.close();
  }

  #add<T extends Closable>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  #noting(admin: RedisQueueAdmin): RedisQueueAdmin {
    return new Proxy(admin, {
      get: (target, name) => {
        this.administered.add(String(name));
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  /** A group begins to tell keys from data, and ends it, while messages wait. */
  async #changeKeys(client: RedisQueueClient, beforeStop: () => Promise<unknown>): Promise<void> {
    await (await this.#serve(WithoutKeyModule)).close();
    await firstValueFrom(client.emit('told', {}));
    const reading = await this.#serve(WithKeyModule);
    await eventually(() => expect(heard).toEqual(['told by key']));
    await beforeStop();
    await reading.close();
    await firstValueFrom(client.emit('told', {}));
    const passing = await this.#serve(WithoutKeyModule);
    await eventually(() => expect(heard).toEqual(['told by key', 'told']));
    await beforeStop();
    await passing.close();
    heard = [];
  }

  async #serve(module: Type = EveryWayModule): Promise<Closable> {
    const strategy = new RedisQueueServer({
      connection: this.urls.consumer,
      prefix: PREFIX,
      leaseMs: 1_000,
      compressAboveBytes: false,
      declare: { 'happened.*': { groups: ['declared'] }, once: { groups: ['declared'] } },
    });
    const logger = false;
    const app = this.#add(await NestFactory.createMicroservice(module, { strategy, logger }));
    await app.listen();
    return app;
  }

  async #leaveExpired(client: RedisQueueClient): Promise<void> {
    await push(client, 'works', record('too-late').expiresIn(1));
    const waiting = await this.operator.lrange('rq:{works}:waiting', 0, 0);
    const header = JSON.parse(waiting[0]?.split('\n')[0] ?? '') as { expiresAt: number };
    await eventually(async () => {
      const [seconds, microseconds] = await this.operator.time();
      const nowMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      expect(nowMs).toBeGreaterThan(header.expiresAt);
    });
  }

  async #send(client: RedisQueueClient): Promise<void> {
    await push(client, 'works', record('once').deduplicate(60_000));
    for (let sent = 0; sent < 2; sent += 1)
      await push(client, 'nobody', record('large', LARGE_TEXT).deduplicate(60_000));
    await push(client, 'comes.back', record('again').delay(10));
    await push(client, 'dies', record('dead', LARGE_TEXT));
    expect(await firstValueFrom(client.send('works', {}))).toBe('done');
    expect(await firstValueFrom(client.send('answers.much', {}))).toBe(VERY_LARGE_TEXT);
    expect(await firstValueFrom(client.send('ticks', {}))).toBe(0);
    await eventually(async () =>
      expect(await this.operator.keys('rq:{reply:*}:refused')).not.toEqual([]),
    );
  }

  async #sendInOrder(client: RedisQueueClient): Promise<void> {
    await push(client, 'in.order', record('dead').key('a'));
    await push(client, 'in.order', record('again').key('a'));
    await push(client, 'in.order', record('large', LARGE_TEXT).key('a'));
    await push(client, 'in.order', record('later').key('a').delay(100));
    await push(client, 'in.order', record('once').key('a').deduplicate(60_000));
    await firstValueFrom(client.send('in.order', record('last').key('a').build()));
    await push(client, 'in.order', record('waits').key('b'));
    for (const id of ['q1', 'q2', 'q3', 'q4']) await push(client, 'at.a.pace', record(id).key('q'));
    for (const id of ['s1', 's2', 's3', 's4'])
      await firstValueFrom(client.send('at.a.pace', record(id).key('s').build()));
    await push(client, 'in.order', record('due').key('b').delay(300));
  }

  /** In one step, so that they do not all go to whoever waits. */
  async #sendByPriority(client: RedisQueueClient): Promise<void> {
    const records = [9, 0, 9, 4].map((priority) =>
      record(`p${priority}`, LARGE_TEXT).priority(priority).build(),
    );
    await firstValueFrom(client.enqueueMany('by.priority', records));
    await eventually(() => expect(heard.filter((how) => how === 'by priority')).toHaveLength(4));
    heard = heard.filter((how) => how !== 'by priority');
  }

  async #emit(client: RedisQueueClient): Promise<void> {
    // The group has begun with what is in the history.
    await eventually(() => expect(heard).toEqual(['group']));
    await firstValueFrom(client.emit('happened', {}));
    await eventually(() => expect(heard).toEqual(['group', 'live']));
    for (let sent = 0; sent < 2; sent += 1)
      await firstValueFrom(
        client.emit(
          'happened.durably',
          record('event', LARGE_TEXT).key('a').deduplicate(60_000).build(),
        ),
      );
    await eventually(() =>
      expect(heard.toSorted()).toEqual(['group', 'group', 'live', 'recovering']),
    );
  }

  async #foreign(): Promise<void> {
    const large = JSON.stringify('x'.repeat(1_100_000));
    await this.operator.lpush(FOREIGN_LIST, large, large, '{}');
    await eventually(() => expect(heard.filter((how) => how === 'foreign')).toHaveLength(3));
  }

  async #untilHandled(admin: RedisQueueAdmin): Promise<void> {
    await eventually(async () => {
      const { waiting, processing, delayed, expired } = await admin.lengths('works');
      expect([waiting, processing, delayed, expired]).toEqual([0, 0, 0, 1]);
      expect((await admin.lengths('comes.back')).delayed).toBe(0);
      expect((await admin.lengths('dies')).dead).toBe(1);
      expect(await this.operator.keys('rq:{in.order}:lanes*')).toEqual([]);
      expect(await this.operator.keys('rq:{at.a.pace}:lanes*')).toEqual([]);
      expect(await this.operator.exists('rq:{at.a.pace}:resting')).toBe(0);
      expect(await this.operator.zcard('rq:{works}:fenced')).toBe(1);
    });
  }

  async #administer(
    admin: RedisQueueAdmin,
    looker: RedisQueueAdmin,
    client: RedisQueueClient,
  ): Promise<void> {
    const { letters } = await look(looker, 'dies');
    const { entry = '' } = letters[0] ?? {};
    await look(admin, 'dies');
    expect(await admin.redrive('dies', entry)).toBe(true);
    await eventually(async () => expect((await admin.lengths('dies')).dead).toBe(1));
    expect(await admin.redriveAll('dies')).toBe(1);
    await eventually(async () => expect((await admin.lengths('dies')).dead).toBe(1));
    const [again] = (await admin.deadLetters('dies')).letters;
    expect(await admin.deleteDeadLetter('dies', again?.entry ?? '')).toBe(true);
    expect(await admin.deleteDeadLetters('dies')).toBe(0);

    await admin.declare('happened.*', { groups: ['other'] });
    // As if its servers read keys from data.
    await this.operator.hset('rq:{happened.*}@other:terms', 'keyed', '1');
    expect(await admin.replay('happened.*', 'other')).toBe(2);
    for (const id of ['b1', 'b2'])
      await firstValueFrom(client.emit('happened.again', record(id, LARGE_TEXT).key('b').build()));
    await admin.retire('happened.*', 'other', { waiting: 'drop' });
    await admin.endHistory('happened.*', { entries: 'drop' });
    expect(await admin.forgetListeners('happened')).toBe(true);

    await admin.pause('works');
    for (const pattern of ['works', 'nobody'])
      await push(client, pattern, record('later', LARGE_TEXT).delay(60_000));
    await look(looker, 'nobody');
    expect(await admin.advanceDelayed('works')).toBe(1);
    expect(await admin.remove('works', 'nowhere')).toBe('unknown');
    await push(client, 'works', record('again', LARGE_TEXT).id('again').delay(60_000));
    expect(await admin.advance('works', 'again')).toBe(true);
    expect(await admin.remove('works', 'again')).toBe('removed');
    expect(await admin.purge('works')).toBe(1);
    await this.operator.rpush('rq:{nobody}:suspects', '{}');
    expect(await admin.purge('nobody')).toBe(3);
    await this.operator.zadd('rq:{nobody}:fenced', 1, 'gone');
    expect(await admin.forget('nobody')).toBe('forgotten');
    await this.operator.rpush('rq:{ticks}:unkeyed', '{}');
    expect(await admin.purge('ticks')).toBe(1);
    await admin.resume('works');
    await admin.pauseAll({ group: 'nobody' });
    await admin.resumeAll();
    await this.#administerInOrder(admin, looker, client);
    await this.#administerByPriority(admin, looker, client);
  }

  async #administerInOrder(
    admin: RedisQueueAdmin,
    looker: RedisQueueAdmin,
    client: RedisQueueClient,
  ): Promise<void> {
    await admin.pause('in.order');
    for (const id of ['a1', 'a2', 'a3', 'a4', 'a5'])
      await push(client, 'in.order', record(id, LARGE_TEXT).key('a'));
    expect(await admin.redriveAll('in.order')).toBe(1);
    for (const each of [admin, looker]) {
      expect(await each.lanes('in.order')).toMatchObject([{ key: 'a', out: 2, waiting: 4 }]);
      expect(await each.peek('in.order', { key: 'a' })).toHaveLength(4);
      expect((await each.find('in.order', 'a4'))?.place).toBe('waiting');
    }
    for (const each of [admin, looker])
      expect((await each.checkLanes('in.order')).wrong).toEqual([]);
    await this.operator.hset('rq:{in.order}:lanes', 'gone', '1');
    expect((await admin.repairLanes('in.order')).wrong).toMatchObject([{ key: 'gone' }]);
    expect(await admin.remove('in.order', 'a4')).toBe('removed');
    expect(await admin.remove('in.order', 'a1')).toBe('removed');
    expect(await admin.purge('in.order')).toBe(4);
    expect(await this.operator.keys('rq:{in.order}:lanes*')).toEqual([]);
    await admin.resume('in.order');
    await admin.pause('at.a.pace');
    for (const id of ['x1', 'x2', 'x3', 'x4', 'x5'])
      await push(client, 'at.a.pace', record(id).key('x'));
    for (const id of ['x1', 'x2']) expect(await admin.remove('at.a.pace', id)).toBe('removed');
    expect(await this.operator.zrange('rq:{at.a.pace}:resting', '(0', '+inf', 'BYSCORE')).toEqual([
      'x',
    ]);
    await admin.pause('at.a.pace', { key: 'y' });
    for (const each of [admin, looker])
      expect(await each.lanes('at.a.pace')).toMatchObject([
        { key: 'x', isPaused: false, restsUntil: expect.any(Date) },
        { key: 'y', isPaused: true },
      ]);
    await admin.resume('at.a.pace', { key: 'y' });
    expect(await admin.purge('at.a.pace')).toBe(3);
    expect(await this.operator.exists('rq:{at.a.pace}:resting')).toBe(0);
    await admin.resume('at.a.pace');
  }

  async #administerByPriority(
    admin: RedisQueueAdmin,
    looker: RedisQueueAdmin,
    client: RedisQueueClient,
  ): Promise<void> {
    await this.operator.hset('rq:{nobody}:terms', 'maxLength', '100');
    for (const [id, priority] of [
      ['first', 4],
      ['high', 9],
      ['low', 0],
      ['lower', 0],
    ] as const)
      await push(client, 'nobody', record(id).priority(priority));
    for (const each of [admin, looker]) {
      expect((await each.lengths('nobody')).byPriority).toEqual({ 9: 1, 4: 1, 0: 2 });
      expect(await each.peek('nobody')).toHaveLength(4);
      expect((await each.find('nobody', 'low'))?.place).toBe('waiting');
    }
    await this.#pretendCrash('nobody');
    for (const each of [admin, looker]) expect((await each.checkLanes('nobody')).wrong).toEqual([]);
    await this.operator.del('rq:{nobody}:processing:gone', 'rq:{nobody}:consumers');
    expect(await admin.remove('nobody', 'high')).toBe('removed');
    expect(await admin.purge('nobody')).toBe(3);
  }

  /** A consumer that is gone while it held a message. */
  async #pretendCrash(queue: string): Promise<void> {
    await this.operator.rpush(`rq:{${queue}}:processing:gone`, '{}');
    await this.operator.zadd(`rq:{${queue}}:consumers`, 1, 'gone');
  }

  /** What a command takes that the network held back until its consumer was gone. */
  async #takeLate(queue: string): Promise<void> {
    await this.operator.rpush(`rq:{${queue}}:processing:gone`, '{}');
    await eventually(async () =>
      expect(await this.operator.llen(`rq:{${queue}}:processing:gone`)).toBe(0),
    );
  }

  /** What a lost answer leaves behind. */
  async #leaveStray(queue: string): Promise<void> {
    const consumers = await this.operator.zrange(`rq:{${queue}}:consumers`, 0, '-1');
    for (const consumer of consumers.filter((name) => name !== 'gone'))
      await this.operator.rpush(`rq:{${queue}}:processing:${consumer}`, '{}');
  }
}

/** Everything that changes nothing. */
async function look(
  admin: RedisQueueAdmin,
  queue: string,
): Promise<Awaited<ReturnType<RedisQueueAdmin['deadLetters']>>> {
  expect(await admin.queues()).toEqual(
    expect.arrayContaining(['@group/happened.*', 'comes.back', 'dies', 'works']),
  );
  expect((await admin.overview()).queues).not.toEqual([]);
  expect((await admin.groups()).groups).not.toEqual([]);
  await admin.history('happened.*');
  await admin.history('happened.*', { newestFirst: true });
  await admin.lengths(queue);
  await admin.consumers(queue);
  await admin.suspects(queue);
  await admin.held(queue);
  await admin.find(queue, 'later');
  await admin.redisInfo();
  await admin.peek(queue);
  await admin.delayed(queue);
  const page = await admin.deadLetters(queue);
  for (const { entry } of page.letters)
    expect(await admin.deadLetter(queue, entry)).toMatchObject({ data: { text: LARGE_TEXT } });
  return page;
}

function record(id: string, text = ''): RedisQueueRecordBuilder<object> {
  return new RedisQueueRecordBuilder({ text }).id(id);
}

function push(
  client: RedisQueueClient,
  pattern: string,
  builder: RedisQueueRecordBuilder<object>,
): Promise<unknown> {
  return firstValueFrom(client.enqueue(pattern, builder.build()));
}
