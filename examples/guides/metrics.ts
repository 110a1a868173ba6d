import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { observeQueues, openTelemetryMetrics } from 'nestjs-redis-queue-transport/otel';

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(to: string): string {
    return `sent to ${to}`;
  }
}

const connection = process.env['REDIS_URL'];
const port = Number(process.env['PORT'] ?? 9464);

// #region metrics
const meterProvider = new MeterProvider({
  readers: [new PrometheusExporter({ port })], // serves /metrics
});
const observers = [openTelemetryMetrics({ meterProvider })];

const client = new RedisQueueClient({ connection, observers });
const strategy = new RedisQueueServer({ connection, observers });

// In one process only: all would report the same lengths.
observeQueues(new RedisQueueAdmin({ connection }), { meterProvider });
// #endregion metrics

class AppModule {}
const root = { module: AppModule, controllers: [MailController] };
const app = await NestFactory.createMicroservice<MicroserviceOptions>(root, { strategy });
app.enableShutdownHooks();
await app.listen();
await client.enqueue('mail.send', 'ada@example.com');
console.log('ready');
