/**
 * Sends and handles messages with OpenTelemetry's instrumentation of ioredis switched on, and prints the spans, one
 * JSON text in each line: who made it, its name, and the name of its parent.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const instrumentation = new IORedisInstrumentation({
  requireParentSpan: process.env['REQUIRE_PARENT'] !== 'no',
});
instrumentation.setTracerProvider(provider);
// It hooks into `require`, but what it changes is the one prototype that `import` gets too.
createRequire(import.meta.url)('ioredis');

const { Redis } = await import('ioredis');
const { Controller } = await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
const { MessagePattern } = await import('@nestjs/microservices');
const { RedisQueueClient, RedisQueueServer } = await import('nestjs-redis-queue-transport');
const { openTelemetryTraces } = await import('nestjs-redis-queue-transport/otel');
const { lastValueFrom } = await import('rxjs');

const MESSAGES = Number(process.env['MESSAGES']);
const url = process.env['REDIS_URL'] ?? '';
const options = {
  connection: url,
  prefix: process.env['PREFIX'],
  observers: [openTelemetryTraces()],
};
/** The application's own. */
const redis = new Redis(url);

@Controller()
class WorkController {
  @MessagePattern('work')
  async work(id: number): Promise<string> {
    await redis.set('own', id);
    return 'done';
  }
}

const server = new RedisQueueServer(options);
const app = await NestFactory.createMicroservice(
  { module: class AppModule {}, controllers: [WorkController] },
  { strategy: server, logger: false },
);
await app.listen();
const client = new RedisQueueClient(options);
const tracer = provider.getTracer('test');
for (let i = 0; i < MESSAGES; i += 1) {
  const span = tracer.startSpan('caller');
  await context.with(trace.setSpan(context.active(), span), () =>
    lastValueFrom(client.send('work', i)),
  );
  span.end();
}
await client.close();
await app.close();
redis.disconnect();

const spans = exporter.getFinishedSpans();
const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
for (const { name, instrumentationScope, parentSpanContext: parent } of spans) {
  const above = parent === undefined ? 'none' : (names.get(parent.spanId) ?? 'unknown');
  const line = `${instrumentationScope.name.split('/').at(-1) ?? ''} ${name} below ${above}`;
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
