import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RedisQueueAdmin, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { audit } from '../../../scripts/demo/audit.js';
import { totalsOf } from '../../../scripts/demo/books.js';
import { sendOrders } from '../../../scripts/demo/order-sender.js';
import { readBooks } from '../../../scripts/demo/read-books.js';
import { eventually } from '../../support/eventually.js';
import { Proxy, type Match } from '../../support/proxy.js';
import { QueueView } from '../../support/queue-view.js';
import { ShopRig, type OrderView } from '../../support/shop-rig.js';
import { Stopwatch } from '../../support/stopwatch.js';

const STOCK_TIMEOUT_MS = 500;

const customer = { name: 'Зоя "Zoë" O’Brien 山田', email: 'zoe@mail.example' };

function orderFor(sku: string, quantity: number): object {
  return { customer, lines: [{ sku, quantity }] };
}

async function place(rig: ShopRig, order: object): Promise<string> {
  const { status, body } = await rig.post('/orders', order);
  expect(body).toMatchObject({ status: 'accepted', ...order });
  expect(status).toBe(202);
  return (body as OrderView).id;
}

/** Waits until the order is settled and its customer written to. Each comes by an event of its own. */
function untilSettled(rig: ShopRig, id: string): Promise<OrderView> {
  return eventually(async () => {
    const order = await rig.order(id);
    expect(['confirmed', 'rejected', 'cancelled']).toContain(order.status);
    expect(await rig.emailsAbout(id)).toMatchObject([{ outcome: order.status }]);
    return order;
  });
}

describe('while inventory-service has never been up', () => {
  let rig: ShopRig;

  beforeAll(async () => {
    rig = await ShopRig.open({ CUP: 3 });
    await rig.shop.start('order-service');
  });
  afterAll(() => rig.close());

  test('a question about stock is answered with 503 at once', async () => {
    expect(await rig.get('/stock/CUP')).toMatchObject({
      status: 503,
      body: { message: 'inventory-service cannot be asked now' },
    });
  });

  test('an order is accepted, and settled once it comes', async () => {
    const id = await place(rig, orderFor('CUP', 2));
    expect(await rig.order(id)).toMatchObject({ status: 'accepted' });
    expect(await rig.reservations.waiting()).toHaveLength(1);
    await rig.shop.start('inventory-service');
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    expect(await rig.unitsOf('CUP')).toBe(1);
  });
});

describe('with both services', () => {
  let rig: ShopRig;

  beforeAll(async () => {
    rig = await ShopRig.open(
      { CUP: 100, TEA: 5, JAM: 0 },
      { STOCK_TIMEOUT_MS: String(STOCK_TIMEOUT_MS) },
    );
    await rig.shop.open();
  });
  afterAll(() => rig.close());

  test('an order that can be filled is confirmed, its units are taken and its customer is told', async () => {
    const before = await rig.unitsOf('CUP');
    const id = await place(rig, { ...orderFor('CUP', 2), note: 'ring\n"twice"' });
    expect(await untilSettled(rig, id)).toMatchObject({ id, customer, note: 'ring\n"twice"' });
    expect(await rig.unitsOf('CUP')).toBe(before - 2);
    expect(await rig.emailsAbout(id)).toMatchObject([
      { to: customer.email, outcome: 'confirmed', text: expect.stringContaining('2 × CUP') },
    ]);
  });

  test('an order with one line that cannot be filled is rejected with the reason, and takes nothing', async () => {
    const before = await rig.unitsOf('TEA');
    const lines = [
      { sku: 'TEA', quantity: 1 },
      { sku: 'JAM', quantity: 1 },
    ];
    const id = await place(rig, { customer, lines });
    const reason = '0 of JAM left, 1 wanted';
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'rejected', reason });
    expect(await rig.unitsOf('TEA')).toBe(before);
    expect(await rig.emailsAbout(id)).toMatchObject([
      { outcome: 'rejected', text: expect.stringContaining(reason) },
    ]);
  });

  test('an invalid order is refused with every reason, and leaves no trace', async () => {
    const before = await rig.get('/orders');
    const order = { customer: { name: ' ' }, lines: [{ sku: 'CUP', quantity: 1.5 }] };
    expect(await rig.post('/orders', order)).toMatchObject({
      status: 400,
      body: {
        message: [
          'customer.name must not be blank',
          'customer.email must be an email',
          'lines.0.quantity must be an integer number',
        ],
      },
    });
    expect(await rig.post('/orders', '{"customer":{"na')).toMatchObject({ status: 400 });
    expect(await rig.get('/orders')).toEqual(before);
  });

  test('what does not exist is answered with 404', async () => {
    expect(await rig.get('/orders/nobody')).toMatchObject({
      status: 404,
      body: { message: 'there is no order nobody' },
    });
    expect(await rig.get('/stock/NOTHING')).toMatchObject({
      status: 404,
      body: { message: 'there is no item NOTHING' },
    });
  });

  test('orders are listed in pages, the newest first', async () => {
    const older = await place(rig, orderFor('CUP', 1));
    const newer = await place(rig, orderFor('CUP', 1));
    const ids = async (query: string): Promise<string[]> => {
      const { body } = await rig.get(`/orders?${query}`);
      return (body as { orders: OrderView[] }).orders.map(({ id }) => id);
    };
    expect(await ids('limit=2')).toEqual([newer, older]);
    expect(await ids('offset=1&limit=1')).toEqual([older]);
    expect(await rig.get('/orders?limit=0')).toMatchObject({ status: 400 });
  });

  test('an event that comes again changes nothing', async () => {
    const id = await place(rig, orderFor('CUP', 1));
    const settled = await untilSettled(rig, id);
    const client = new RedisQueueClient({ connection: rig.redis.url });
    await lastValueFrom(client.emit('inventory.reserved', { orderId: id }), { defaultValue: null });
    await lastValueFrom(client.emit('inventory.rejected', { orderId: id, reason: 'no' }), {
      defaultValue: null,
    });
    await client.close();
    // An event that contradicts the order is kept for somebody to look at.
    const contradictions = new QueueView(rig.commands, 'rq', '@orders/inventory.rejected');
    const [dead] = await eventually(async () => {
      const letters = await contradictions.dead();
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(dead?.dead.error.message).toBe(`order ${id} was settled before and cannot be rejected`);
    // Events are taken in order. When a later order is settled, the other event has been heard.
    await untilSettled(rig, await place(rig, orderFor('CUP', 1)));
    expect(await rig.order(id)).toEqual(settled);
    expect(await rig.emailsAbout(id)).toHaveLength(1);
  });

  test('stock that a process took before it died is not taken again, and the order hears of it', async () => {
    const before = await rig.unitsOf('CUP');
    await rig.shop.stop('inventory-service');
    const id = await place(rig, orderFor('CUP', 3));
    // What the dead process left: the outcome is stored, nobody was told, and the message is not settled.
    const outcome = { status: 'reserved', lines: [{ sku: 'CUP', quantity: 3 }] };
    await rig.commands.hset('shop:{stock}:outcomes', id, JSON.stringify(outcome));
    await rig.commands.hincrby('shop:{stock}:units', 'CUP', -3);
    await rig.shop.start('inventory-service');
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    expect(await rig.unitsOf('CUP')).toBe(before - 3);
  });

  test('an invalid reservation is dead-lettered with the reasons', async () => {
    await rig.commands.rpush(rig.reservations.waitingKey, '{"orderId":"","lines":[]}');
    const [dead] = await eventually(async () => {
      const letters = await rig.reservations.dead();
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(dead?.dead.error).toMatchObject({
      message: 'Bad Request Exception',
      details: { message: ['orderId should not be empty', 'lines should not be empty'] },
    });
    await rig.commands.del('rq:{inventory.reserve}:dead');
  });

  test('a reservation of an unknown item is a dead letter until the item is known', async () => {
    const id = await place(rig, orderFor('NEW-TEA', 2));
    const [dead] = await eventually(async () => {
      const letters = await rig.reservations.dead();
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(dead?.dead.error.message).toBe("not in the stock's books: NEW-TEA");
    expect(await rig.order(id)).toMatchObject({ status: 'accepted' });
    await rig.commands.hset('shop:{stock}:units', 'NEW-TEA', 2);
    const admin = new RedisQueueAdmin({ connection: rig.redis.url });
    try {
      expect(await admin.redriveAll('inventory.reserve')).toBe(1);
    } finally {
      await admin.close();
    }
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    expect(await rig.unitsOf('NEW-TEA')).toBe(0);
  });

  test('while inventory-service is down, questions time out and orders wait for it', async () => {
    await rig.shop.stop('inventory-service');
    const watch = Stopwatch.start();
    expect(await rig.get('/stock/CUP')).toMatchObject({
      status: 504,
      body: { message: 'inventory-service did not answer in time' },
    });
    watch.expectAtMost(STOCK_TIMEOUT_MS + 2_000);
    const id = await place(rig, orderFor('CUP', 1));
    await rig.shop.start('inventory-service');
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
  });

  test('while Redis is down, an order is answered with 503; afterwards, everything goes on by itself', async () => {
    const { total } = (await rig.get('/orders')).body as { total: number };
    await rig.redis.kill();
    expect(await rig.post('/orders', orderFor('CUP', 1))).toMatchObject({ status: 503 });
    expect(await rig.get('/orders')).toMatchObject({ status: 503 });
    expect([503, 504]).toContain((await rig.get('/stock/CUP')).status);
    await rig.redis.restart();
    const id = await eventually(() => place(rig, orderFor('CUP', 1)));
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    // Besides this one, orders that failed while Redis came back.
    expect(((await rig.get('/orders')).body as { total: number }).total).toBeGreaterThan(total);
  });
});

describe('an order by transfer', () => {
  const orderByTransfer = { ...orderFor('CUP', 2), payment: 'transfer' };
  const money = (rig: ShopRig, id: string): Promise<Response> =>
    fetch(`${rig.shop.address}/orders/${id}/payment`, { method: 'POST' });
  let rig: ShopRig;

  beforeEach(async () => {
    rig = await ShopRig.open({ CUP: 3 }, { PAY_WITHIN_MS: '600000' });
    await rig.shop.open();
  });
  afterEach(() => rig.close());

  async function reserved(): Promise<string> {
    const id = await place(rig, orderByTransfer);
    await eventually(async () => expect(await rig.order(id)).toMatchObject({ status: 'reserved' }));
    return id;
  }

  async function timeIsOver(): Promise<number> {
    const admin = new RedisQueueAdmin({ connection: rig.redis.url });
    try {
      return await admin.advanceDelayed('order.unpaid');
    } finally {
      await admin.close();
    }
  }

  test('that is paid is confirmed, and stays so when its time is over', async () => {
    const id = await reserved();
    expect((await money(rig, id)).status).toBe(204);
    const settled = await untilSettled(rig, id);
    expect(settled).toMatchObject({ status: 'confirmed' });
    expect(await timeIsOver()).toBe(1);
    const view = new QueueView(rig.commands, 'rq', 'order.unpaid');
    await eventually(async () => {
      expect(await view.waiting()).toEqual([]);
      expect(await view.held()).toBe(0);
    });
    expect((await money(rig, id)).status).toBe(204); // the bank calls again
    expect(await rig.order(id)).toEqual(settled);
    expect(await rig.emailsAbout(id)).toHaveLength(1);
  });

  test('that is not paid is cancelled, its goods can be sold again, and money is refused', async () => {
    const id = await reserved();
    expect(await rig.unitsOf('CUP')).toBe(1);
    expect(await timeIsOver()).toBe(1);
    const reason = 'it was not paid';
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'cancelled', reason });
    await eventually(async () => expect(await rig.unitsOf('CUP')).toBe(3));
    expect((await money(rig, id)).status).toBe(409);
  });
});

test('a card is charged once even if the answers of the payment provider are lost', async () => {
  const rig = await ShopRig.open({ CUP: 100 }, { PAYMENT_FAILS_EVERY: '2' });
  try {
    await rig.shop.open(2);
    const ids = await Promise.all(Array.from({ length: 10 }, () => place(rig, orderFor('CUP', 1))));
    for (const id of ids) {
      expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    }
    const charges = await rig.commands.lrange('shop:{bank}:charges', 0, -1);
    expect(charges.toSorted()).toEqual(ids.toSorted());
    expect(Number(await rig.commands.get('shop:{bank}:calls'))).toBeGreaterThan(ids.length);
  } finally {
    await rig.close();
  }
});

describe('an outcome', () => {
  let rig: ShopRig;

  beforeEach(async () => {
    rig = await ShopRig.open({ CUP: 100 });
  });
  afterEach(() => rig.close());

  test('that comes while order-service is away waits for it', async () => {
    await rig.shop.start('order-service');
    const ids = await Promise.all([1, 2, 3].map(() => place(rig, orderFor('CUP', 1))));
    await rig.shop.kill('order-service');
    await rig.shop.start('inventory-service');
    await eventually(async () => {
      expect(await rig.commands.hlen('shop:{stock}:outcomes')).toBe(3);
      expect(await rig.reservations.held()).toBe(0);
    });
    await rig.shop.start('order-service');
    for (const id of ids) {
      expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    }
    expect(await rig.unitsOf('CUP')).toBe(97);
  });

  test('reaches a customer once, no matter how many replicas there are', async () => {
    await rig.shop.open(2);
    const ids = await Promise.all(Array.from({ length: 20 }, () => place(rig, orderFor('CUP', 1))));
    for (const id of ids) await untilSettled(rig, id);
    // Both replicas of each service have ended, so everything that they had to say is said.
    await rig.shop.close();
    for (const id of ids) expect(await rig.emailsAbout(id)).toHaveLength(1);
  });
});

describe('an order with an unknown outcome at Redis', () => {
  let rig: ShopRig;
  let proxy: Proxy;

  beforeEach(async () => {
    rig = await ShopRig.open({ CUP: 100 }, {}, async ({ url }) => {
      proxy = await Proxy.start(Number(new URL(url).port));
      return proxy.url;
    });
    await rig.shop.start('order-service');
  });
  afterEach(async () => {
    await rig.close();
    await proxy.close();
  });

  const asks =
    (queueOrRecord: string): Match =>
    ([, , , ...keys]) =>
      keys.some((key) => key.includes(queueOrRecord));

  test.each([
    ['its message was lost', 'dropRequest', asks('{inventory.reserve}')],
    ['the answer to its message was lost', 'dropReply', asks('{inventory.reserve}')],
    ['its record was lost', 'dropRequest', asks('{orders}')],
    ['the answer to its record was lost', 'dropReply', asks('{orders}')],
  ] as const)('because %s is still placed once', async (_, fault, match) => {
    await place(rig, orderFor('CUP', 1)); // From here on, Redis knows the scripts.
    const lost = proxy[fault](match);
    const { ledger } = rig.stage;
    await sendOrders({
      addresses: () => rig.shop.addresses,
      orders: [JSON.stringify(orderFor('CUP', 1))],
      concurrency: 1,
      signal: new AbortController().signal,
      onAnswer: (answer, times) => ledger.record(answer, times),
    });
    await lost.happened;
    await rig.shop.start('inventory-service');
    const [id = 'none'] = ledger.accepted.keys();
    expect(await untilSettled(rig, id)).toMatchObject({ status: 'confirmed' });
    await eventually(async () => expect(await rig.unitsOf('CUP')).toBe(98));
    expect(await rig.get('/orders')).toMatchObject({ body: { total: 2 } });
  });
});

describe('when inventory-service is killed while it handles orders', () => {
  const count = 120;
  let rig: ShopRig;

  beforeAll(async () => {
    // Not enough for all, so that orders are rejected too; slow enough to be hit.
    rig = await ShopRig.open({ CUP: 100, TEA: 60 }, { WAREHOUSE_MS: '40' });
    await rig.shop.open();
  });
  afterAll(() => rig.close());

  test('every order that was accepted is settled once, and the books balance', async () => {
    const { stage } = rig;
    const sending = sendOrders({
      addresses: () => rig.shop.addresses,
      orders: Array.from({ length: count }, (_, index) =>
        JSON.stringify(orderFor(index % 2 === 0 ? 'CUP' : 'TEA', 1 + (index % 3))),
      ),
      concurrency: 8,
      signal: new AbortController().signal,
      onAnswer: (answer, times) => stage.ledger.record(answer, times),
    });
    await eventually(() => expect(stage.ledger.answered).toBeGreaterThan(count / 2));
    await eventually(async () => expect(await rig.reservations.held()).toBeGreaterThan(0));
    await rig.shop.kill('inventory-service');
    expect(await rig.reservations.held()).toBeGreaterThan(0);
    // Nothing waits for inventory-service: the other orders are accepted while it is dead.
    await sending;
    expect(stage.ledger.accepted.size).toBe(count);
    await rig.shop.start('inventory-service');

    await eventually(async () => expect(audit(await readBooks(stage))).toEqual([]), 20_000);
    const totals = totalsOf(await readBooks(stage));
    expect(totals).toMatchObject({ placed: count, notified: count, lost: 0 });
    expect(totals.redelivered).toBeGreaterThan(0);
    expect(totals.rejected).toBeGreaterThan(0);
  });
});
