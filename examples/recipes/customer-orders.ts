import 'reflect-metadata';
import { Controller, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import {
  RedisQueueClient,
  type RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

interface Order {
  readonly id: number;
  readonly customer: string;
}

// #region invoices
/** Gives an order the next number of its customer. It is atomic, and an order that has a number keeps it. */
const numberScript = `
local invoices, order = KEYS[1], ARGV[1]
redis.call('HSETNX', invoices, order, redis.call('HLEN', invoices) + 1)
return redis.call('HGET', invoices, order)
`;

/** Stands for your database. */
@Injectable()
class Invoices implements OnApplicationShutdown {
  readonly #redis = new Redis(connection);

  /** Safe to call again for the same order: one invoice each. */
  async write({ id, customer }: Order): Promise<number> {
    return Number(await this.#redis.eval(numberScript, 1, `shop:invoices:${customer}`, id));
  }

  /** The customer's orders, by the numbers of their invoices. */
  async ordersOf(customer: string): Promise<string[]> {
    const numbers = await this.#redis.hgetall(`shop:invoices:${customer}`);
    return Object.keys(numbers).toSorted((a, b) => Number(numbers[a]) - Number(numbers[b]));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#redis.quit();
  }
}
// #endregion invoices

// #region shop
@Injectable()
class Shop {
  constructor(private readonly client: RedisQueueClient) {}

  async place(order: Order): Promise<void> {
    // One after the other for each customer:
    await this.client.enqueue('order.pay', order, { key: order.customer });
    console.log(`order ${order.id} of ${order.customer} is held`);
  }
}
// #endregion shop

// #region handler
@Controller()
class OrderController {
  constructor(private readonly invoices: Invoices) {}

  // Up to a hundred orders run side by side in each process, but never two of the same customer.
  @MessagePattern('order.pay', { concurrency: 100, retry: { attempts: 10, delayMs: 3_000 } })
  async pay(@Payload() order: Order, @Ctx() context: RedisQueueContext): Promise<void> {
    await this.#charge(order, context.getAttempt());
    const invoice = await this.invoices.write(order);
    console.log(`order ${order.id} is paid: ${order.customer} has invoice ${invoice}`);
  }

  /** Stands for a bank that does not answer when it is first asked about order 1. */
  async #charge({ id, customer }: Order, attempt: number): Promise<void> {
    if (id !== 1 || attempt > 1) return;
    console.log(`order ${id} waits: the bank of ${customer} does not answer`);
    throw new Error('The bank does not answer.');
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [OrderController],
  providers: [Invoices, Shop],
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

/** One order for each name, numbered from 1. */
async function place(shop: Shop, customers: readonly string[]): Promise<void> {
  for (const [index, customer] of customers.entries()) {
    await shop.place({ id: index + 1, customer });
  }
}

async function report(invoices: Invoices, customers: readonly string[]): Promise<void> {
  for (const customer of customers) {
    const orders = await invoices.ordersOf(customer);
    console.log(`the invoices of ${customer} are for the orders ${orders.join(', ')}`);
  }
}

const [, , role = 'shop', ...customers] = process.argv;
if (role === 'shop') {
  await serve();
} else {
  const app = await NestFactory.createApplicationContext(ShopModule, { logger: ['error', 'warn'] });
  if (role === 'place') await place(app.get(Shop), customers);
  else await report(app.get(Invoices), customers);
  await app.close();
}
