import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Controller, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import {
  QueueFullError,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

const PIECES = 100;
const CUSTOMERS = 1_000;
const HOUR_MS = 3_600_000;

// #region stock
/** Sells a piece unless this customer has one, or none is left. It is atomic: nobody comes in between. */
const sellScript = `
local buyers, customer, pieces = KEYS[1], ARGV[1], tonumber(ARGV[2])
if redis.call('SISMEMBER', buyers, customer) == 1 then return 1 end
if redis.call('SCARD', buyers) >= pieces then return 0 end
return redis.call('SADD', buyers, customer)
`;

@Injectable()
class Stock implements OnApplicationShutdown {
  readonly #redis = new Redis(connection);

  /** Safe to call again for the same customer: one piece each. */
  async sell(customer: string): Promise<boolean> {
    return (await this.#redis.eval(sellScript, 1, 'sale:buyers', customer, PIECES)) === 1;
  }

  sold(): Promise<number> {
    return this.#redis.scard('sale:buyers');
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#redis.quit();
  }
}
// #endregion stock

// #region handler
@Controller()
class SaleController {
  #handled = 0;
  #isSoldOut = false;

  constructor(private readonly stock: Stock) {}

  @MessagePattern('sale.order', {
    maxLength: 200, // nobody is let in who would wait for more than four seconds
    limit: { running: 4, rate: 50 }, // in all processes together: what the database bears
  })
  async order(@Payload() { customer }: { readonly customer: string }): Promise<void> {
    await setTimeout(5); // stands for what your database does
    const gotOne = await this.stock.sell(customer);
    if (!gotOne && !this.#isSoldOut) {
      this.#isSoldOut = true;
      console.log('sold out');
    }
    this.#handled += 1;
    if (this.#handled % 100 === 0) console.log(`${this.#handled} orders are handled`);
  }
}
// #endregion handler

// #region button
@Injectable()
class BuyButton {
  constructor(private readonly client: RedisQueueClient) {}

  /** What the HTTP handler does: it responds as soon as Redis holds the order. */
  async press(customer: string): Promise<'ordered' | 'ordered before' | 'turned away'> {
    try {
      const { isDuplicate } = await this.client.enqueue(
        'sale.order',
        { customer },
        { id: customer, deduplicateMs: HOUR_MS, expiresInMs: HOUR_MS },
      );
      return isDuplicate ? 'ordered before' : 'ordered';
    } catch (error) {
      if (error instanceof QueueFullError) return 'turned away'; // nothing was sent
      throw error;
    }
  }
}
// #endregion button

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [SaleController],
  providers: [Stock, BuyButton],
})
class SaleModule {}

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(SaleModule, {
    strategy: new RedisQueueServer({ connection }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log(`the sale begins, with ${PIECES} pieces`);
}

// #region rush
/** All customers at once; each presses twice. */
async function rush(button: BuyButton): Promise<void> {
  const presses = Array.from({ length: 2 * CUSTOMERS }, (_, index) =>
    button.press(`customer-${(index % CUSTOMERS) + 1}`),
  );
  const answers = await Promise.all(presses);
  const orders = answers.filter((answer) => answer === 'ordered').length;
  const turnedAway = answers.filter(
    (answer, index) => answer === 'turned away' && answers[index + CUSTOMERS] === answer,
  ).length;
  console.log(`the button was pressed ${answers.length} times`);
  console.log(`${orders} customers ordered, ${turnedAway} were turned away`);
}
// #endregion rush

async function report(stock: Stock, admin: RedisQueueAdmin): Promise<void> {
  const { waiting, dead } = await admin.lengths('sale.order');
  console.log(
    `${waiting} orders wait, ${await stock.sold()} pieces are sold, ${dead} orders failed`,
  );
}

const [, , role = 'sale'] = process.argv;
if (role === 'sale') {
  await serve();
} else {
  const app = await NestFactory.createApplicationContext(SaleModule, { logger: ['error', 'warn'] });
  if (role === 'rush') await rush(app.get(BuyButton));
  else await report(app.get(Stock), app.get(RedisQueueAdmin));
  await app.close();
}
