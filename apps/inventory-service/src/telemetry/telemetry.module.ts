import { Global, Module } from '@nestjs/common';
import { readText } from '../config/environment.js';
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
export class TelemetryModule {}
