import { Global, Module } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import { readText } from '../config/environment.js';
import { HttpSpans } from './http-spans.middleware.js';
import { Measurements } from './measurements.js';
import { Traces } from './traces.js';

@Global()
@Module({
  providers: [
    Measurements,
    {
      provide: Traces,
      useFactory: (): Traces =>
        new Traces(readText(process.env, 'OTEL_EXPORTER_OTLP_ENDPOINT', '') !== ''),
    },
  ],
  exports: [Traces, Measurements],
})
export class TelemetryModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    // Probes, scrapes and the page's own requests would only fill the traces.
    consumer.apply(HttpSpans).forRoutes('orders', 'stock');
  }
}
