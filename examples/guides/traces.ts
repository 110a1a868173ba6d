import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { openTelemetryTraces } from 'nestjs-redis-queue-transport/otel';

/** Prints each span with the trace it is in. */
const exporter: SpanExporter = {
  export: (spans, done) => {
    for (const span of spans) console.log(`${span.spanContext().traceId} ${span.name}`);
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};

// #region provider
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
// #endregion provider

let billed: () => void;
const isBilled = new Promise<void>((resolve) => (billed = resolve));

@Controller()
class OrderController {
  constructor(private readonly client: RedisQueueClient) {}

  @MessagePattern('order.place')
  async place(@Payload() id: number): Promise<void> {
    await this.client.emit('order.placed', id); // in the trace of the message that is handled here
  }

  @EventPattern<string>('order.placed', { group: 'billing' })
  bill(): void {
    billed();
  }
}

// #region module
const queues = RedisQueueModule.register({
  connection: process.env['REDIS_URL'],
  observers: [openTelemetryTraces()], // of the client, and of the server beside it
  server: {},
});
// #endregion module

@Module({ imports: [queues], controllers: [OrderController] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
app.connectMicroservice(RedisQueueModule.microservice());
await app.startAllMicroservices();
await app.get(RedisQueueClient).enqueue('order.place', 1);
await isBilled;
await app.close();
