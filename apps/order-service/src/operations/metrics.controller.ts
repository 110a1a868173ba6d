import { Controller, Get, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { observeQueues } from 'nestjs-redis-queue-transport/otel';
import { Measurements } from '../telemetry/measurements.js';

@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly measurements: Measurements,
    admin: RedisQueueAdmin,
  ) {
    observeQueues(admin, { meterProvider: measurements.provider });
  }

  @Get()
  scrape(@Req() request: IncomingMessage, @Res() response: ServerResponse): void {
    this.measurements.exporter.getMetricsRequestHandler(request, response);
  }
}
