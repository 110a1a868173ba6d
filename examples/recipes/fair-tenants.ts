import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueModule,
  type RedisQueueRecord,
  RedisQueueRecordBuilder,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

const OF_GIANT = 2_000;
const SMALL_TENANTS = 100;
const ALL = OF_GIANT + SMALL_TENANTS;

interface Report {
  readonly tenant: string;
}

// #region measure
/** Counts which reports begin, and how many of one tenant run at once. */
class Measure {
  #begun = 0;
  #begunOfSmall = 0;
  #made = 0;
  #most = 0;
  readonly #running = new Map<string, number>();

  begin(tenant: string): void {
    this.#begun += 1;
    const running = (this.#running.get(tenant) ?? 0) + 1;
    this.#running.set(tenant, running);
    this.#most = Math.max(this.#most, running);
    if (tenant === 'giant') return;
    this.#begunOfSmall += 1;
    if (this.#begunOfSmall === SMALL_TENANTS) {
      const round = Math.ceil(this.#begun / CONCURRENCY);
      console.log(`the last small tenant had its turn in round ${round} of ${ALL / CONCURRENCY}`);
    }
  }

  end(tenant: string): void {
    this.#running.set(tenant, (this.#running.get(tenant) ?? 1) - 1);
    this.#made += 1;
    if (this.#made === ALL)
      console.log(`all ${ALL} are made, never more than ${this.#most} of a tenant at once`);
  }
}
// #endregion measure

// #region handler
const CONCURRENCY = 10;

@Controller()
class ReportController {
  readonly #measure = new Measure();

  // Ten reports at once, and of each tenant no more than two.
  @MessagePattern('report.make', { concurrency: CONCURRENCY, perKey: { running: 2 } })
  async make(@Payload() { tenant }: Report): Promise<void> {
    this.#measure.begin(tenant);
    await setTimeout(2); // stands for the work
    this.#measure.end(tenant);
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [ReportController],
})
class ReportModule {}

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(ReportModule, {
    strategy: new RedisQueueServer({ connection }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log('reports are made');
}

// #region order
/** The giant orders all of its reports first, and then each small tenant orders one. */
async function order(client: RedisQueueClient, isFair: boolean): Promise<void> {
  const reports: Report[] = [
    ...Array.from({ length: OF_GIANT }, () => ({ tenant: 'giant' })),
    ...Array.from({ length: SMALL_TENANTS }, (_, index) => ({ tenant: `small-${index + 1}` })),
  ];
  const held = await client.enqueueMany('report.make', isFair ? reports.map(withKey) : reports);
  console.log(`${held.length} reports wait, the first ${OF_GIANT} of them for the giant`);
}

function withKey(report: Report): RedisQueueRecord<Report> {
  return new RedisQueueRecordBuilder(report).key(report.tenant).build();
}
// #endregion order

const [, , role = 'server'] = process.argv;
if (role === 'server') {
  await serve();
} else {
  const app = await NestFactory.createApplicationContext(ReportModule, {
    logger: ['error', 'warn'],
  });
  await order(app.get(RedisQueueClient), role === 'order');
  await app.close();
}
