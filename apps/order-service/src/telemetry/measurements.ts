import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { RedisQueueObserver } from 'nestjs-redis-queue-transport';
import { openTelemetryMetrics } from 'nestjs-redis-queue-transport/otel';

/** What this process counts and times, for Prometheus to scrape. */
@Injectable()
export class Measurements implements OnApplicationShutdown {
  /** Answers GET /metrics, so it needs no port of its own. */
  readonly exporter = new PrometheusExporter({ preventServerStart: true });
  readonly provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'order-service' }),
    readers: [this.exporter],
  });
  /** For every client and server of the transport. */
  readonly observer: RedisQueueObserver = openTelemetryMetrics({ meterProvider: this.provider });

  async onApplicationShutdown(): Promise<void> {
    await this.provider.shutdown();
  }
}
