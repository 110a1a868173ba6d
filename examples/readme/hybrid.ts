import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Body, Controller, Injectable, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

interface Report {
  readonly year: number;
}

// #region record
@Injectable()
class ReportService {
  constructor(private readonly client: RedisQueueClient) {}

  async order(report: Report): Promise<string> {
    await this.client.enqueue('report.make', report, {
      id: `report-${report.year}`,
      deduplicateMs: 60_000, // within a minute, Redis takes this id once
      headers: { tenant: 'acme' },
    });
    return 'accepted';
  }
}
// #endregion record

// #region handler
@Controller()
class ReportController {
  @MessagePattern('report.make', {
    concurrency: 1,
    timeoutMs: 30_000,
    retry: { attempts: 3, backoff: 'fixed', delayMs: 5_000 },
  })
  async make(@Payload() report: Report, @Ctx() context: RedisQueueContext): Promise<void> {
    const { tenant } = context.getHeaders();
    console.log(`${context.getMessageId()}, attempt ${context.getAttempt()}, for ${tenant}`);
    await slowWork(report, context.getSignal());
  }
}
// #endregion handler

/** Ends at once when the signal fires, since the result then no longer counts. */
async function slowWork({ year }: Report, signal: AbortSignal): Promise<void> {
  await setTimeout(50, undefined, { signal });
  console.log(`report ${year} is made`);
}

@Controller('reports')
class HttpController {
  constructor(private readonly reports: ReportService) {}

  @Post()
  order(@Body() report: Report): Promise<string> {
    return this.reports.order(report);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'] })],
  controllers: [HttpController, ReportController],
  providers: [ReportService],
})
class AppModule {}

// #region hybrid
const app = await NestFactory.create(AppModule);
const server = new RedisQueueServer({ connection: process.env['REDIS_URL'] });
app.connectMicroservice<MicroserviceOptions>({ strategy: server }, { inheritAppConfig: true });
app.enableShutdownHooks();

await app.init(); // every module is ready before the first message comes
await app.startAllMicroservices();
await app.listen(process.env['PORT'] ?? 3000);
// #endregion hybrid
console.log(`listening on ${await app.getUrl()}`);
