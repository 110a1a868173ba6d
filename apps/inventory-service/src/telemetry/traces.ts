import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { RedisQueueObserver } from 'nestjs-redis-queue-transport';
import { openTelemetryTraces } from 'nestjs-redis-queue-transport/otel';

/** An unreachable collector must not delay the end of the service. */
const EXPORT_WITHIN_MS = 2_000;

/** The traces of this service, which go to a collector if there is one. */
@Injectable()
export class Traces implements OnApplicationShutdown {
  /** For every client and server of the transport. */
  readonly observers: readonly RedisQueueObserver[];
  readonly #provider: BasicTracerProvider | undefined;

  constructor(isExported: boolean) {
    if (!isExported) {
      this.observers = [];
      return;
    }
    // It reads OTEL_EXPORTER_OTLP_ENDPOINT itself.
    const exporter = new OTLPTraceExporter({ timeoutMillis: EXPORT_WITHIN_MS });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'inventory-service' }),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    trace.setGlobalTracerProvider(this.#provider);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    this.observers = [openTelemetryTraces()];
  }

  /** Exports what has not been exported yet. */
  async onApplicationShutdown(): Promise<void> {
    await this.#provider?.shutdown();
  }
}
