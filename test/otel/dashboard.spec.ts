import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { openTelemetryMetrics } from 'nestjs-redis-queue-transport/otel';
import { eventually } from '../support/eventually.js';
import { ShopRig } from '../support/shop-rig.js';
import { readText } from '../docs/markdown.js';
import { Metrics } from './metrics-rig.js';
import { seriesOf } from './prometheus-text.js';
import type { Scraped } from './prometheus-text.js';
import { selectorsOf } from './promql.js';

// Two services are started, and a queue is slowed down.
jest.setTimeout(180_000);

/** A panel of a dashboard, with the fields that the test looks at. */
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

let rig: ShopRig;
/** What both services had shown by the end. */
let scraped: readonly Scraped[];

/** The handler of live events in the demo is so fast that it never loses any. */
async function lostEvents(): Promise<readonly Scraped[]> {
  const metrics = new Metrics();
  const { provider: meterProvider } = metrics;
  openTelemetryMetrics({ meterProvider }).gap?.({ pattern: 'order.*', missed: 1 });
  const text = await metrics.text();
  await metrics.close();
  return seriesOf(text);
}

async function scrape(): Promise<readonly Scraped[]> {
  const { shop } = rig;
  const replicas = [...shop.running('order-service'), ...shop.running('inventory-service')];
  const texts = await Promise.all(
    replicas.map(async ({ address }) => (await fetch(`${address}/metrics`)).text()),
  );
  return texts.flatMap(seriesOf);
}

/** A queue with priorities and a bound, of which nobody takes. */
async function fillUnserved(commands: Redis): Promise<void> {
  await commands.hset('rq:queues', 'bulk', 'pushed');
  await commands.rpush('rq:{bulk}:waiting', '{"rq":1,"id":"a","at":1}\n{}');
  await commands.rpush('rq:{bulk}:levels:9', '{"rq":1,"priority":9,"id":"b","at":1}\n{}');
  await commands.hset('rq:{bulk}:levels', '9', '1');
  await commands.hset('rq:{bulk}:terms', 'maxLength', '10');
}

/** Gives every metric something to show: what succeeds, and everything that can fail. */
async function causeEverything(): Promise<void> {
  const { commands } = rig;
  const line = (sku: string) => ({ lines: [{ sku, quantity: 1 }], payment: 'card' });
  const customer = { name: 'Ada', email: 'ada@example.com' };
  await rig.post('/orders', { customer, ...line('TEA-UNKNOWN-1') }); // a dead letter
  for (let n = 0; n < 30; n += 1) await rig.post('/orders', { customer, ...line('TEA-ASSAM-250') });
  await rig.unitsOf('TEA-ASSAM-250'); // a request
  await fillUnserved(commands);
  const queue = (part: string): string => `rq:{inventory.reserve}:${part}`;
  await commands.rpush(queue('waiting'), '{"rq":1,"id":"late","at":1,"expiresAt":1}\n{}');
  await commands.hincrby(queue('counts'), 'deadLettersDropped', 1);
  await commands.zadd(queue('consumers'), 1, 'dead'); // as if a process had died long ago
  await commands.rpush(queue('processing:dead'), 'x');
  const living = (await commands.zrange(queue('consumers'), '0', '-1')).filter(
    (name) => name !== 'dead',
  );
  await eventually(async () =>
    expect(await scrape()).toContainEqual(
      expect.objectContaining({ name: 'redis_queue_redelivered_messages_total' }),
    ),
  );
  await commands.zrem(queue('consumers'), ...living);
  await commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

beforeAll(async () => {
  // Every payment fails, so the queue of payments is finally slowed down.
  rig = await ShopRig.open({ 'TEA-ASSAM-250': 100 }, { PAYMENT_FAILS_EVERY: '1' });
  await rig.shop.open();
  await causeEverything();
  const everything = (await readText('docs/telemetry.md')).matchAll(
    /^\| `((?:messaging|redis_queue)[.\w]+)`/gm,
  );
  const names = [...everything].map(([, name = '']) => name.replaceAll('.', '_'));
  expect(names.length).toBeGreaterThan(20);
  await eventually(async () => {
    scraped = [...(await scrape()), ...(await lostEvents())];
    const shown = new Set(scraped.map(({ name }) => name.replace(/_(total|count)$/, '')));
    expect(names.filter((name) => !shown.has(name))).toEqual([]);
  }, 60_000);
}, 180_000);

afterAll(() => rig.close());

function expectShown(queries: readonly string[]): void {
  expect(queries.length).toBeGreaterThan(0);
  for (const query of queries) {
    for (const { metric, labels } of selectorsOf(query)) {
      const series = scraped.filter(({ name }) => name === metric);
      expect([query, metric, series.length > 0]).toEqual([query, metric, true]);
      const known = new Set(series.flatMap((one) => Object.keys(one.labels)));
      // Labels of groups and errors are rarely there, and never for some metrics.
      const optional = ['messaging_consumer_group_name', 'error_type'];
      const unknown = labels.filter((label) => !known.has(label) && !optional.includes(label));
      expect([query, unknown]).toEqual([query, []]);
    }
  }
}

describe('a scrape of both services', () => {
  test('says nothing about what was ordered, and by whom', () => {
    const said = JSON.stringify(scraped);
    expect(said).not.toMatch(/Ada|ada@example\.com|TEA-/);
    // The ids of orders and messages.
    expect(said).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  });
});

describe('the dashboard in docs/grafana', () => {
  test('asks for metrics and labels that the services show, in queries that Prometheus can read', async () => {
    const text = await readText('docs/grafana/dashboard.json');
    const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
    const targets = panels.flatMap((panel) => panel.targets ?? []);
    expectShown(targets.map(({ expr }) => expr));
    for (const { expr, legendFormat } of targets) {
      const labels = [...legendFormat.matchAll(/{{(\w+)}}/g)].map(([, label]) => label);
      for (const label of labels)
        expect([legendFormat, expr.includes(`${label}`)]).toEqual([legendFormat, true]);
    }
  });

  test('shows every metric', async () => {
    const text = await readText('docs/grafana/dashboard.json');
    const names = new Set(scraped.map(({ name }) => name.replace(/_(bucket|sum)$/, '_count')));
    const ours = [...names].filter((name) => /^(messaging|redis_queue)_/.test(name));
    // The duration of sending is shown by its buckets, like all histograms.
    const missing = ours.filter((name) => !text.includes(name.replace(/_count$/, '')));
    expect(missing).toEqual([]);
  });
});

test('the alerts in docs/grafana ask for metrics and labels that the services show, in queries that Prometheus can read', async () => {
  const text = await readText('docs/grafana/alerts.yml');
  const queries = [...text.matchAll(/^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/gm)];
  const names = [...text.matchAll(/- alert: (\w+)/g)];
  expect(queries).toHaveLength(names.length);
  expectShown(queries.map(([, block, line]) => block ?? line ?? ''));
});
