import { expect, test } from '@jest/globals';
import { createNoopMeter } from '@opentelemetry/api';
import type { Meter, MeterProvider } from '@opentelemetry/api';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { observeQueues, openTelemetryMetrics } from 'nestjs-redis-queue-transport/otel';
import { readText } from './markdown.js';

const KINDS: Readonly<Record<string, string>> = {
  createCounter: 'counter',
  createHistogram: 'histogram',
  createUpDownCounter: 'gauge',
  createObservableGauge: 'gauge',
};

/** Notes what is made. */
function notingProvider(made: string[]): MeterProvider {
  const meter = new Proxy(createNoopMeter(), {
    get: (target, method: keyof Meter) => {
      const kind = KINDS[method];
      if (kind === undefined) return Reflect.get(target, method) as unknown;
      return (name: string, options: object) => {
        made.push(`${name} ${kind}`);
        // Each takes a name and options.
        return (Reflect.get(target, method) as (...given: unknown[]) => unknown)(name, options);
      };
    },
  });
  return { getMeter: () => meter };
}

test('docs/telemetry.md lists all metrics with their kinds', async () => {
  const made: string[] = [];
  const meterProvider = notingProvider(made);
  openTelemetryMetrics({ meterProvider });
  const observed = made.length;
  const admin = new RedisQueueAdmin(); // connects with its first call
  observeQueues(admin, { meterProvider });
  await admin.close();

  const text = await readText('docs/telemetry.md');
  const rows = [...text.matchAll(/^\| `([a-z_.]+)` *\|(?: (counter|histogram|gauge) +\|)?/gm)];
  const listed = rows.map(([, name, kind = 'gauge']) => `${name} ${kind}`);

  expect(listed.slice(0, observed).sort()).toEqual(made.slice(0, observed).sort());
  expect(listed.slice(observed).sort()).toEqual(made.slice(observed).sort());
});
