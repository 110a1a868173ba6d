import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { codeBlocks, readText } from '../docs/markdown.js';
import { eventually } from '../support/eventually.js';
import { OtlpCollector } from '../support/otlp-collector.js';
import type { CollectedSpan } from '../support/otlp-collector.js';
import { ShopRig } from '../support/shop-rig.js';

jest.setTimeout(120_000);

const ORDER = {
  customer: { name: 'Ada', email: 'ada@example.com' },
  lines: [{ sku: 'CUP', quantity: 1 }],
  payment: 'card',
};

/** The trace of one order, from its request to the mail. */
const TREE = `
POST /orders (server, order-service)
  enqueue inventory.reserve (producer, order-service)
    process inventory.reserve (consumer, inventory-service)
      emit inventory.reserved (producer, inventory-service)
        process inventory.reserved (consumer, order-service, group orders)
          emit order.reserved (producer, order-service)
            process order.* (consumer, order-service)
          enqueue payment.charge (producer, order-service)
            process payment.charge (consumer, order-service)
              emit order.settled (producer, order-service)
                process order.* (consumer, order-service)
                process order.settled (consumer, order-service, group notifications)
                  ack order.settled (client, order-service, group notifications)
                process order.settled (consumer, inventory-service, group stock)
                  ack order.settled (client, inventory-service, group stock)
              ack payment.charge (client, order-service)
          ack inventory.reserved (client, order-service, group orders)
      ack inventory.reserve (client, inventory-service)
  emit order.placed (producer, order-service)
    process order.* (consumer, order-service)
`;

let collector: OtlpCollector;
let rig: ShopRig;

beforeAll(async () => {
  collector = await OtlpCollector.open();
  rig = await ShopRig.open(
    { CUP: 10 },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      PAYMENT_FAILS_EVERY: '2',
    },
  );
  await rig.shop.open();
});

afterAll(async () => {
  try {
    await rig.close();
  } finally {
    await collector.close();
  }
});

/** Places an order, and waits for its mail. Resolves with the span of its request. */
async function place(): Promise<CollectedSpan> {
  const before = collector.spans.length;
  const { body } = await rig.post('/orders', ORDER);
  const { id } = body as { id: string };
  await eventually(async () => expect(await rig.emailsAbout(id)).toHaveLength(1));
  return eventually(() => {
    const request = collector.spans.slice(before).find(({ name }) => name === 'POST /orders');
    if (request === undefined) throw new Error('the request has not been exported');
    return request;
  });
}

/** Siblings that begin at once may be in any order. */
function sorted(tree: readonly string[]): string[] {
  return tree.toSorted();
}

describe('the trace of an order that two services export by OTLP', () => {
  test('goes from the request through inventory-service to the mail', async () => {
    const request = await place();

    const expected = TREE.trim().split('\n');
    await eventually(() => expect(sorted(collector.treeOf(request))).toEqual(sorted(expected)));
  });

  test('has the failed attempt and the one after it, as docs/telemetry.md shows them', async () => {
    const shown = codeBlocks(await readText('docs/telemetry.md')).find(({ text }) =>
      text.startsWith('POST /orders'),
    );

    const request = await place();

    await eventually(() =>
      expect(sorted(collector.treeOf(request))).toEqual(sorted(shown?.text.split('\n') ?? [])),
    );
  });

  test('has a question and its answer', async () => {
    await rig.unitsOf('CUP');

    await eventually(() => {
      const request = collector.spans.find(({ name }) => name === 'GET /stock/:sku');
      expect(collector.treeOf(request!)).toEqual([
        'GET /stock/:sku (server, order-service)',
        '  send inventory.check (producer, order-service)',
        '    process inventory.check (consumer, inventory-service)',
        '      ack inventory.check (client, inventory-service)',
      ]);
    });
  });

  test('says nothing about what was ordered, and by whom', () => {
    const texts = collector.spans.map((span) => JSON.stringify(span));
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((text) => /ada@example|CUP/.test(text))).toEqual([]);
  });
});
