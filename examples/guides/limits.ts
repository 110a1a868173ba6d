import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule, SlowDown } from 'nestjs-redis-queue-transport';

const reserved: string[] = [];
let calls = 0;

/** A service that is asked for more than it allows. */
function reserveThere(item: string): { readonly status: number } {
  calls += 1;
  if (calls === 1) return { status: 429 };
  reserved.push(item);
  return { status: 200 };
}

@Controller()
class StockController {
  // #region handler
  @MessagePattern('stock.reserve', { limit: { running: 20, rate: 50 } })
  // #endregion handler
  reserve(@Payload() item: string): void {
    const response = reserveThere(item);
    // #region slow
    if (response.status === 429) throw new SlowDown({ ms: 500 });
    // #endregion slow
  }
}

const made: number[] = [];
let slowed = 0;

@Controller()
class ReportController {
  // #region key
  @MessagePattern('report.make', { perKey: { running: 2, rate: 5 } })
  // #endregion key
  make(): void {
    const status = made.length === 0 && slowed === 0 ? 429 : 200;
    slowed += 1;
    // #region slow-key
    if (status === 429) throw new SlowDown({ ms: 500, of: 'key' });
    // #endregion slow-key
    made.push(Date.now());
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [StockController, ReportController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  ...RedisQueueModule.microservice(),
  logger: false,
});
await app.listen();
const client = app.get(RedisQueueClient);
for (const item of ['book', 'lamp', 'chair']) await client.enqueue('stock.reserve', item);
while (reserved.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
for (let n = 0; n < 3; n += 1) await client.enqueue('report.make', {}, { key: 'tenant-1' });
await client.enqueue('report.make', {}, { key: 'tenant-2' });
while (made.length < 4) await new Promise((resolve) => setTimeout(resolve, 10));
console.log(`${reserved.length} reserved by ${calls} calls`);
const tookMs = Math.max(...made) - Math.min(...made);
console.log(`reports at a pace: ${tookMs > 350}`);
await app.close();
