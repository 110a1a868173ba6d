import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueBatchContext,
  RedisQueueContext,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { JournalWriter } from '../support/journal.js';
import { act } from './act.js';
import { actOnBatch } from './act-batch.js';
import { JournalLogger } from './journal-logger.js';
import {
  ASK,
  BATCH,
  BATCHES_AT_ONCE,
  BOUNDED,
  BULK,
  BULK_GROUP,
  COLLECTED,
  CONCURRENCY,
  HANDLER_TIMEOUT_MS,
  HISTORY,
  KEYED,
  LATE_GROUP,
  LIMITED,
  MAX_CRASHES,
  MAX_LENGTH,
  NEWS,
  PARTNER,
  PARTNER_LIST,
  PLACED,
  RETRY,
  RUNNING,
  WORK,
  readSettings,
  type Work,
} from './settings.js';
import { Switches } from './switches.js';
import { workIn } from './outsiders.js';

const settings = readSettings();
const journal = new JournalWriter(settings.journal);

const switches = new Switches(settings.switches);
const TERMS = { timeoutMs: HANDLER_TIMEOUT_MS, ...RETRY };
const IN_BATCHES = { batch: BATCH, concurrency: BATCHES_AT_ONCE, ...TERMS };
let batches = 0;
/** Longer than any listener stays cut off. */
const RECOVER = { withinMs: 3_600_000 };

@Controller()
class ChaosController {
  @MessagePattern(WORK, { concurrency: CONCURRENCY[WORK], ...TERMS })
  work(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(data, context, journal, switches);
  }

  @MessagePattern(BULK, IN_BATCHES)
  bulk(@Payload() data: Work[], @Ctx() context: RedisQueueBatchContext): Promise<void> {
    batches += 1;
    return actOnBatch(data, context, journal, switches, batches);
  }

  /** Outsiders cannot choose message ids here, so none of their messages is taken for one that was handled. */
  @MessagePattern(PARTNER, {
    concurrency: CONCURRENCY[PARTNER],
    feedFrom: { list: PARTNER_LIST, take: 'left' },
    once: { windowMs: 3_600_000 },
    ...TERMS,
  })
  partner(@Payload() data: unknown, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(workIn(data), context, journal, switches);
  }

  @MessagePattern(KEYED, { concurrency: CONCURRENCY[KEYED], ...TERMS })
  keyed(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(data, context, journal, switches);
  }

  @MessagePattern(LIMITED, {
    concurrency: CONCURRENCY[LIMITED],
    limit: { running: RUNNING },
    ...TERMS,
  })
  limited(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(data, context, journal, switches);
  }

  @MessagePattern(BOUNDED, { concurrency: CONCURRENCY[BOUNDED], maxLength: MAX_LENGTH, ...TERMS })
  bounded(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
    return act(data, context, journal, switches);
  }

  @MessagePattern(COLLECTED, IN_BATCHES)
  collected(@Payload() data: Work[], @Ctx() context: RedisQueueBatchContext): Promise<void> {
    batches += 1;
    return actOnBatch(data, context, journal, switches, batches);
  }

  @MessagePattern(ASK, { concurrency: CONCURRENCY[ASK] })
  async ask(@Payload() data: string | Work, @Ctx() context: RedisQueueContext): Promise<string> {
    if (typeof data === 'string') return data;
    await act(data, context, journal, switches);
    return data.id;
  }

  @EventPattern<string>(NEWS)
  hear(@Payload() id: string): void {
    journal.write({ event: 'heard', id });
  }

  @EventPattern<string>(PLACED, { history: HISTORY, recover: RECOVER })
  told(@Payload() { id }: Work): void {
    journal.write({ event: 'told', id });
  }
}

function groupController(group: string): Type {
  const from = group === LATE_GROUP ? 'earliest' : 'new';
  @Controller()
  class GroupController {
    @EventPattern<string>(PLACED, { group, from, concurrency: CONCURRENCY[PLACED], ...TERMS })
    placed(@Payload() data: Work, @Ctx() context: RedisQueueContext): Promise<void> {
      return act(data, context, journal, switches);
    }
  }
  return GroupController;
}

@Controller()
class BulkGroupController {
  @EventPattern<string>(PLACED, { group: BULK_GROUP, ...IN_BATCHES })
  placed(@Payload() data: Work[], @Ctx() context: RedisQueueBatchContext): Promise<void> {
    batches += 1;
    return actOnBatch(data, context, journal, switches, batches);
  }
}

const groups = settings.groups.map((group) =>
  group === BULK_GROUP ? BulkGroupController : groupController(group),
);

@Module({ controllers: [ChaosController, ...groups] })
class ChaosModule {}

const strategy = new RedisQueueServer({
  connection: settings.connection,
  prefix: settings.prefix,
  leaseMs: settings.leaseMs,
  maxCrashes: MAX_CRASHES,
  // The verdict needs every dead letter, no matter how long the run is.
  deadLetterLimit: 10_000_000,
  shutdownTimeoutMs: 1_000,
  connectTimeoutMs: 60_000,
});
strategy.on('gap', ({ missed }) => journal.write({ event: 'gap', reason: `${missed} missed` }));
const app = await NestFactory.createMicroservice(ChaosModule, {
  strategy,
  logger: new JournalLogger(journal),
});
app.enableShutdownHooks();
// The run has ended in some way.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => journal.write({ event: 'stop' }));
await app.listen();
process.send?.('ready');
