import 'reflect-metadata';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RmqContext,
  RmqRecordBuilder,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';

const url = process.env['AMQP_URL'] ?? 'amqp://127.0.0.1:5672';

interface Order {
  readonly id: number;
  readonly total: number;
}

/** The part of amqplib's channel that this example uses. */
interface Channel {
  ack(message: unknown): void;
  nack(message: unknown, allUpTo: boolean, requeue: boolean): void;
}

// #region options
const rmq = {
  transport: Transport.RMQ as const,
  options: {
    urls: [url],
    queue: 'billing',
    queueOptions: { durable: true, deadLetterExchange: '', deadLetterRoutingKey: 'billing.dead' },
    persistent: true,
  },
};
// #endregion options

// #region service
@Controller()
class BillingController {
  @EventPattern<string>('order.bill')
  bill(@Payload() order: Order, @Ctx() context: RmqContext): void {
    const channel = context.getChannelRef() as Channel;
    const message = context.getMessage();
    const { headers } = message['properties'] as { headers: { tenant?: string } };
    if (order.total < 0) {
      console.log(`order ${order.id} cannot be billed`);
      channel.nack(message, false, false);
      return;
    }
    console.log(`bill for order ${order.id} of ${headers.tenant}`);
    channel.ack(message);
  }

  @MessagePattern('order.price')
  price(@Payload() order: Order, @Ctx() context: RmqContext): number {
    (context.getChannelRef() as Channel).ack(context.getMessage());
    return order.total * 1.2;
  }
}
// #endregion service

// #region client
@Injectable()
class Shop {
  constructor(@Inject('BILLING') private readonly client: ClientProxy) {}

  async run(): Promise<void> {
    const price = this.client.send<number>('order.price', { id: 1, total: 10 });
    console.log(`price: ${await firstValueFrom(price.pipe(timeout(10_000)))}`);
    await this.bill({ id: 1, total: 10 });
    await this.bill({ id: 2, total: -1 });
  }

  private async bill(order: Order): Promise<void> {
    const record = new RmqRecordBuilder(order).setOptions({ headers: { tenant: 'acme' } }).build();
    await firstValueFrom(this.client.emit('order.bill', record));
  }
}
// #endregion client

// #region module
@Module({
  imports: [ClientsModule.register([{ name: 'BILLING', ...rmq }])],
  controllers: [BillingController],
  providers: [Shop],
})
class AppModule {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: rmq.transport,
  options: { ...rmq.options, noAck: false, prefetchCount: 10 },
});
// #endregion module
app.enableShutdownHooks();
await app.listen();
await app.get(Shop).run();
