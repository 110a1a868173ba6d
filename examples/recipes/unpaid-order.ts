import 'reflect-metadata';
import { Controller, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { RedisQueueClient, RedisQueueModule, RedisQueueServer } from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const payWithinMs = Number(process.env['PAY_WITHIN_MS'] ?? 10_000);

type Ending = 'paid' | 'cancelled';

// #region orders
/** Stands for your database. An order ends once: a second attempt returns how it ended. */
@Injectable()
class Orders implements OnApplicationShutdown {
  readonly #redis = new Redis(connection);

  async end(id: string, ending: Ending): Promise<Ending> {
    // In SQL: UPDATE orders SET state = $2 WHERE id = $1 AND state = 'placed', and then SELECT state.
    await this.#redis.hsetnx('shop:endings', id, ending);
    return (await this.#redis.hget('shop:endings', id)) as Ending; // nobody else writes there
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#redis.quit();
  }
}
// #endregion orders

// #region shop
@Injectable()
class Shop {
  constructor(
    private readonly orders: Orders,
    private readonly client: RedisQueueClient,
  ) {}

  async place(id: string): Promise<void> {
    const { isDuplicate } = await this.client.enqueue(
      'order.unpaid',
      { id },
      {
        id: `unpaid-${id}`,
        deduplicateMs: payWithinMs, // placing the same order again starts no second clock
        delayMs: payWithinMs, // by the clock of Redis
      },
    );
    console.log(isDuplicate ? `order ${id} was placed before` : `order ${id} waits for its money`);
  }

  async pay(id: string): Promise<void> {
    const ending = await this.orders.end(id, 'paid');
    if (ending === 'paid') console.log(`order ${id} is paid`);
    else console.log(`order ${id} was cancelled: the money goes back`);
  }
}
// #endregion shop

// #region handler
@Controller()
class UnpaidController {
  constructor(private readonly orders: Orders) {}

  // Comes for each order, paid or not, and after a crash perhaps twice: the order itself says what to do.
  @MessagePattern('order.unpaid', { once: { windowMs: 86_400_000 } })
  async cancel(@Payload() { id }: { readonly id: string }): Promise<void> {
    const ending = await this.orders.end(id, 'cancelled');
    if (ending === 'paid') console.log(`order ${id} was paid in time`);
    else console.log(`order ${id} is cancelled`); // and its goods go back, by an operation that is safe to repeat
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [UnpaidController],
  providers: [Orders, Shop],
})
class ShopModule {}

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(ShopModule, {
    strategy: new RedisQueueServer({ connection }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log('the shop is open');
}

async function visit(verb: string, ids: readonly string[]): Promise<void> {
  const app = await NestFactory.createApplicationContext(ShopModule, { logger: ['error', 'warn'] });
  const shop = app.get(Shop);
  for (const id of ids) await (verb === 'pay' ? shop.pay(id) : shop.place(id));
  await app.close();
}

const [, , verb = 'serve', ...ids] = process.argv;
await (verb === 'serve' ? serve() : visit(verb, ids));
