import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import type {
  ClientProxy,
  CustomClientOptions,
  CustomTransportStrategy,
} from '@nestjs/microservices';
import type { Redis, RedisOptions } from 'ioredis';
import type { Observable } from 'rxjs';
import ts from 'typescript';
import * as library from './index.js';

/** If you add or remove a name here, you change what users can import: say so in CHANGELOG.md. */
const VALUES = [
  'CallerGoneError',
  'ClientClosedError',
  'DeadLetter',
  'HandlerTimeoutError',
  'HeaderTooLargeError',
  'IncompleteError',
  'InvalidOptionError',
  'InvalidPatternError',
  'LeaseLostError',
  'MessageHeaders',
  'MessageId',
  'NoHandlerError',
  'NobodyListensError',
  'NotHandledError',
  'NotReplicatedError',
  'OutcomeUnknownError',
  'PayloadTooLargeError',
  'QueueFullError',
  'QueueTooLongError',
  'REDIS_QUEUE_TRANSPORT',
  'RedisQueueAdmin',
  'RedisQueueBatchContext',
  'RedisQueueClient',
  'RedisQueueContext',
  'RedisQueueError',
  'RedisQueueEvent',
  'RedisQueueHttpFilter',
  'RedisQueueMessage',
  'RedisQueueModule',
  'RedisQueueRecord',
  'RedisQueueRecordBuilder',
  'RedisQueueServer',
  'RedisRefusedError',
  'RedisUnavailableError',
  'RequestTimeoutError',
  'RetryLater',
  'SenderFullError',
  'ServerStartedError',
  'ShutdownError',
  'SlowDown',
  'UndecodableError',
  'UnencodableError',
  'UnreadableKeyError',
  'UnsafeRedisError',
  'isWorthRetrying',
  'jsonCodec',
  'rawCodec',
  'redisQueueAdminToken',
  'redisQueueServerToken',
];

/** Only types, which leave no trace at run time. */
interface Types {
  Codec: library.Codec;
  ConnectionOption: library.ConnectionOption;
  DeadLetterEntry: library.DeadLetterEntry;
  DeadLetterFilter: library.DeadLetterFilter;
  DeadLetterPageOptions: library.DeadLetterPageOptions;
  DelayedMessage: library.DelayedMessage;
  EmitResult: library.EmitResult;
  EnqueueResult: library.EnqueueResult;
  EventDeclarationOptions: library.EventDeclarationOptions;
  EventGroup: library.EventGroup;
  EventHistory: library.EventHistory;
  EventSubscriptions: library.EventSubscriptions;
  Forgetting: library.Forgetting;
  FoundMessage: library.FoundMessage;
  HandlerEnd: library.HandlerEnd;
  HeldMessage: library.HeldMessage;
  HistoryEntry: library.HistoryEntry;
  HistoryOptions: library.HistoryOptions;
  HistoryPageOptions: library.HistoryPageOptions;
  LaneTotal: library.LaneTotal;
  LanesCheck: library.LanesCheck;
  LostLease: library.LostLease;
  ObservedDelivery: library.ObservedDelivery;
  ObservedMessage: library.ObservedMessage;
  PausedPart: library.PausedPart;
  PausedQueues: library.PausedQueues;
  PeekPage: library.PeekPage;
  QueueConsumer: library.QueueConsumer;
  QueueFill: library.QueueFill;
  QueueLengths: library.QueueLengths;
  QueueLane: library.QueueLane;
  QueueOverview: library.QueueOverview;
  QueuedMessage: library.QueuedMessage;
  QueuesOverview: library.QueuesOverview;
  Removal: library.Removal;
  RedisQueueAdminOptions: library.RedisQueueAdminOptions;
  RedisQueueBatchItem: library.RedisQueueBatchItem;
  RedisQueueBatchOptions: library.RedisQueueBatchOptions;
  RedisQueueCall: library.RedisQueueCall<unknown>;
  RedisQueueClientOptions: library.RedisQueueClientOptions;
  RedisQueueDeclarations: library.RedisQueueDeclarations;
  RedisQueueEmitOptions: library.RedisQueueEmitOptions;
  RedisQueueEnqueueOptions: library.RedisQueueEnqueueOptions;
  RedisQueueErrorCode: library.RedisQueueErrorCode;
  RedisQueueEventKey: library.RedisQueueEventKey;
  RedisQueueEventHandlerOptions: library.RedisQueueEventHandlerOptions;
  RedisQueueEventOptions: library.RedisQueueEventOptions;
  RedisQueueEvents: library.RedisQueueEvents;
  RedisQueueHandlerOptions: library.RedisQueueHandlerOptions;
  RedisQueueHealth: library.RedisQueueHealth;
  RedisQueueLimitOptions: library.RedisQueueLimitOptions;
  RedisQueueReplicas: library.RedisQueueReplicas;
  RedisQueuePerKeyOptions: library.RedisQueuePerKeyOptions;
  RedisQueueFeedOptions: library.RedisQueueFeedOptions;
  RedisQueueModuleAsyncOptions: library.RedisQueueModuleAsyncOptions;
  RedisQueueModuleOptions: library.RedisQueueModuleOptions;
  RedisQueueName: library.RedisQueueName;
  RedisQueueObserver: library.RedisQueueObserver;
  RedisQueueOptionsFactory: library.RedisQueueOptionsFactory;
  RedisQueuePattern: library.RedisQueuePattern;
  RedisQueueRecordOptions: library.RedisQueueRecordOptions;
  RedisQueueRetryOptions: library.RedisQueueRetryOptions;
  RedisQueueSendOptions: library.RedisQueueSendOptions;
  RedisQueueServerOptions: library.RedisQueueServerOptions;
  RedisQueueSettings: library.RedisQueueSettings;
  RedisQueueStatus: library.RedisQueueStatus;
  RefusedQueue: library.RefusedQueue;
  ReplayOptions: library.ReplayOptions;
  Retired: library.Retired;
  SendFailure: library.SendFailure;
  SlowedQueue: library.SlowedQueue;
  UnreadableQueue: library.UnreadableQueue;
  WrongLane: library.WrongLane;
}

const TYPES: readonly (keyof Types)[] = [
  'Codec',
  'ConnectionOption',
  'DeadLetterEntry',
  'DeadLetterFilter',
  'DeadLetterPageOptions',
  'DelayedMessage',
  'EmitResult',
  'EnqueueResult',
  'EventDeclarationOptions',
  'EventGroup',
  'EventHistory',
  'EventSubscriptions',
  'Forgetting',
  'FoundMessage',
  'HandlerEnd',
  'HeldMessage',
  'HistoryEntry',
  'HistoryOptions',
  'HistoryPageOptions',
  'LaneTotal',
  'LanesCheck',
  'LostLease',
  'ObservedDelivery',
  'ObservedMessage',
  'PausedPart',
  'PausedQueues',
  'PeekPage',
  'QueueConsumer',
  'QueueFill',
  'QueueLane',
  'QueueLengths',
  'QueueOverview',
  'QueuedMessage',
  'QueuesOverview',
  'RedisQueueAdminOptions',
  'RedisQueueBatchItem',
  'RedisQueueBatchOptions',
  'RedisQueueCall',
  'RedisQueueClientOptions',
  'RedisQueueDeclarations',
  'RedisQueueEmitOptions',
  'RedisQueueEnqueueOptions',
  'RedisQueueErrorCode',
  'RedisQueueEventHandlerOptions',
  'RedisQueueEventKey',
  'RedisQueueEventOptions',
  'RedisQueueEvents',
  'RedisQueueFeedOptions',
  'RedisQueueHandlerOptions',
  'RedisQueueHealth',
  'RedisQueueLimitOptions',
  'RedisQueueModuleAsyncOptions',
  'RedisQueueModuleOptions',
  'RedisQueueName',
  'RedisQueueObserver',
  'RedisQueueOptionsFactory',
  'RedisQueuePattern',
  'RedisQueuePerKeyOptions',
  'RedisQueueRecordOptions',
  'RedisQueueReplicas',
  'RedisQueueRetryOptions',
  'RedisQueueSendOptions',
  'RedisQueueServerOptions',
  'RedisQueueSettings',
  'RedisQueueStatus',
  'RefusedQueue',
  'Removal',
  'ReplayOptions',
  'Retired',
  'SendFailure',
  'SlowedQueue',
  'UnreadableQueue',
  'WrongLane',
];

/** Does not compile if a promise of the types is broken. */
function assignable<T>(value: T): T {
  return value;
}

describe('the package', () => {
  test('exports these values and no others', () => {
    expect(Object.keys(library).sort()).toEqual(VALUES);
  });

  test('exports these types and no others, all by name', async () => {
    const text = await readFile(new URL('./index.ts', import.meta.url), 'utf8');
    const source = ts.createSourceFile('index.ts', text, ts.ScriptTarget.ESNext);
    const names = source.statements.flatMap((statement) => {
      if (!ts.isExportDeclaration(statement))
        throw new Error(`no export: ${statement.getText(source)}`);
      if (!statement.exportClause || !ts.isNamedExports(statement.exportClause))
        throw new Error('export without names');
      const { isTypeOnly } = statement;
      return statement.exportClause.elements.map(({ name, isTypeOnly: alone }) => ({
        name: name.text,
        isType: isTypeOnly || alone,
      }));
    });

    const types = names.filter(({ isType }) => isType).map(({ name }) => name);
    expect(types.sort()).toEqual(TYPES);
    const values = names.filter(({ isType }) => !isType).map(({ name }) => name);
    expect(values.sort()).toEqual(VALUES);
  });

  test("fits Nest's interfaces", () => {
    const server = new library.RedisQueueServer();
    const client = new library.RedisQueueClient();
    assignable<CustomTransportStrategy>(server);
    assignable<ClientProxy>(client);
    assignable<CustomClientOptions>({ customClass: library.RedisQueueClient, options: {} });
    assignable<symbol>(library.REDIS_QUEUE_TRANSPORT);

    expect(server.transportId).toBe(library.REDIS_QUEUE_TRANSPORT);
  });

  test('has types that say what is possible', () => {
    const anyConnection: (value: string | RedisOptions | Redis) => library.ConnectionOption = (
      value,
    ) => value;
    const enqueue: (client: library.RedisQueueClient) => Observable<{ readonly id: string }> = (
      client,
    ) => client.enqueue({ cmd: 'sum' }, [1, 2]);
    assignable<library.RedisQueueServerOptions>({
      connection: undefined,
      concurrency: 1,
      leaseMs: 1_000,
    });
    assignable<library.RedisQueueHandlerOptions>({ concurrency: undefined });
    assignable<library.RedisQueueClientOptions>({ requestTimeoutMs: 1 });
    assignable<library.RedisQueueStatus>('connected');
    assignable<Parameters<library.RedisQueueServer['on']>[0]>('error');
    // @ts-expect-error: a handler cannot set what belongs to the server
    assignable<library.RedisQueueHandlerOptions>({ maxCrashes: 3 });
    // @ts-expect-error: a unit is part of the name
    assignable<library.RedisQueueServerOptions>({ lease: 1_000 });
    // @ts-expect-error: headers are text
    const headers = (): unknown => new library.RedisQueueRecordBuilder({}).headers({ attempts: 7 });

    expect([anyConnection, enqueue, headers]).toHaveLength(3);
  });

  test('has errors of one family, each with a name and a code of its own', () => {
    const errors = [
      new library.ClientClosedError(),
      new library.HandlerTimeoutError('sum', 1),
      new library.IncompleteError(2, [{ index: 1, error: 'cause' }], ['a']),
      new library.InvalidOptionError('leaseMs', 'text'),
      new library.InvalidPatternError('sum', 'text'),
      new library.LeaseLostError('text'),
      new library.OutcomeUnknownError('text', 'id', { cause: 'cause' }),
      new library.PayloadTooLargeError(2, 1),
      new library.QueueFullError('sum', 2, 2),
      new library.HeaderTooLargeError(2, 1),
      new library.RedisRefusedError('OOM', 'text', { cause: 'cause' }),
      new library.RedisUnavailableError('text', { cause: 'cause' }),
      new library.RequestTimeoutError('sum', 1, 'id'),
      new library.NoHandlerError('sum', 'rq', 'text'),
      new library.NotHandledError('sum', 'repeated', 'id'),
      new library.SenderFullError(1, 2, 3, 2, 3),
      new library.ServerStartedError('text'),
      new library.ShutdownError('text'),
      new library.UndecodableError('text'),
      new library.UnreadableKeyError('text'),
      new library.UnencodableError('text'),
      new library.UnsafeRedisError('text'),
      new library.QueueTooLongError('sum', 1),
      new library.NotReplicatedError('id', 1, 2, 3),
    ];

    for (const error of errors) {
      expect(error).toBeInstanceOf(library.RedisQueueError);
      expect(error).toBeInstanceOf(Error);
      expect(VALUES).toContain(error.name);
      // A bundler may have renamed the class.
      expect(Object.hasOwn(error, 'name')).toBe(true);
    }
    expect(new Set(errors.map(({ code }) => code)).size).toBe(errors.length);
    expect(errors[6]).toMatchObject({ messageId: 'id', cause: 'cause' });
    expect(errors[10]).toMatchObject({ reply: 'OOM', cause: 'cause' });
  });
});
