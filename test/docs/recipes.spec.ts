import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { eventually } from '../support/eventually.js';
import { codeBlocks, documents, readText } from './markdown.js';
import { Terminal } from './terminal.js';

// Each starts up to six processes, which takes a while on a busy machine.
jest.setTimeout(120_000);

let redis: LocalRedis;
let commands: Redis;
let admin: RedisQueueAdmin;
let opened: Terminal[];

beforeAll(async () => {
  redis = await startRedis();
  commands = new Redis(redis.url);
  admin = new RedisQueueAdmin({ connection: redis.url });
});

afterAll(async () => {
  await admin.close();
  commands.disconnect();
  await redis.stop();
});

beforeEach(async () => {
  opened = [];
  await commands.flushall();
});

afterEach(async () => {
  for (const terminal of opened) terminal.signal('SIGKILL');
  await Promise.all(opened.map(({ exited }) => exited));
});

const PAGES = 'docs/recipes';

interface Page {
  /** Types the command of one of the page's terminals, and does not wait for its end. */
  start(name: string, environment?: Record<string, string>): Promise<Terminal>;
  /** Waits for its end, which has to be a success. */
  run(name: string, environment?: Record<string, string>): Promise<Terminal>;
}

function page(file: string): Page {
  const start: Page['start'] = async (name, environment) => {
    const all = { REDIS_URL: redis.url, ...environment };
    const terminal = await Terminal.open(`${PAGES}/${file}`, name, all);
    opened.push(terminal);
    return terminal;
  };
  const run: Page['run'] = async (name, environment) => {
    const terminal = await start(name, environment);
    const code = await terminal.exited;
    if (code !== 0) throw new Error(`${terminal.command}: ${code}\n${terminal.output}`);
    expect(terminal.lines).toEqual(terminal.shown);
    return terminal;
  };
  return { start, run };
}

describe('the recipe for sign-ups', () => {
  const { start, run } = page('sign-up.md');

  test('a group that fails gets its copy again, and one that was down gets it when it starts', async () => {
    const mail = await start('mail');
    await mail.showsAll();

    await run('Ada');

    await mail.goesOn();
    expect(mail.output).toMatch(/Attempt 1 of message signed-up-ada@example.com .* failed/);
    await run('Ada once more');
    const sms = await start('sms');
    await sms.showsAllInSomeOrder();
    expect(mail.lines).toEqual(mail.shown);
    await eventually(async () => {
      expect(await admin.lengths('@mail/user.signed-up')).toMatchObject(SETTLED);
      expect(await admin.lengths('@sms/user.signed-up')).toMatchObject(SETTLED);
    });
  });
});

describe('the recipe for logs', () => {
  const { start, run } = page('log-collection.md');

  test('lines are archived in batches, and a new group gets the old ones', async () => {
    const archive = await start('archive');
    await archive.showsAll();

    await run('ship');
    await archive.goesOn();
    await run('replay');
    const errors = await start('errors');
    await errors.showsAllInSomeOrder();
    await run('ship more');

    await errors.goesOnInSomeOrder();
    await archive.goesOn();
    await eventually(async () => {
      expect(await admin.lengths('@archive/log.line')).toMatchObject(SETTLED);
      expect(await admin.lengths('@errors/log.line')).toMatchObject(SETTLED);
    });
  });
});

describe('the recipe for chats', () => {
  const { start } = page('chat.md');

  test('every replica hears every line, and one that was cut off gets what it missed, or learns how much that was', async () => {
    const ada = await start('Ada');
    const bob = await start('Bob');
    await ada.showsAll();
    await bob.showsAll();
    ada.type('Is anybody here?');
    await ada.goesOn();
    await bob.goesOn();

    bob.signal('SIGSTOP');
    const cut = await commands.client('KILL', 'TYPE', 'PUBSUB');
    expect(cut).toBe(2);
    ada.type('I make some.');
    await ada.goesOn();
    bob.signal('SIGCONT');

    await bob.goesOn();
    await cutOffForLong(ada, bob);
  });

  async function cutOffForLong(ada: Terminal, bob: Terminal): Promise<void> {
    bob.signal('SIGSTOP');
    await commands.client('KILL', 'TYPE', 'PUBSUB');
    const eve = await start('Eve');
    expect(await eve.exited).toBe(0);
    bob.signal('SIGCONT');

    await bob.shows('#cake Eve: 120');
    expect(bob.lines.slice(bob.shown.length)).toEqual([
      '(20 lines are lost)',
      ...Array.from({ length: 100 }, (_, index) => `#cake Eve: ${index + 21}`),
    ]);
    await ada.shows('#cake Eve: 120');
    ada.endInput();
    expect(await ada.exited).toBe(0);
  }
});

describe('the recipe for orders that are not paid', () => {
  const { start, run } = page('unpaid-order.md');

  test('cancels unpaid orders, leaves paid ones alone, and refuses money that comes late', async () => {
    const unhurried = { PAY_WITHIN_MS: '600000' };
    const shop = await start('shop');
    await shop.showsAll();
    await run('placed', unhurried);
    await run('paid');
    await run('placed again', unhurried);

    expect(await admin.advanceDelayed('order.unpaid')).toBe(2);

    await shop.goesOnInSomeOrder();
    await run('paid late');
    await eventually(async () =>
      expect(await admin.lengths('order.unpaid')).toMatchObject(SETTLED),
    );
  });

  test('cancels by itself when the time is over, even an order that was placed while the shop was closed', async () => {
    await run('placed', { PAY_WITHIN_MS: '1' });

    const shop = await start('shop');

    await shop.shows('order 1 is cancelled');
    await shop.shows('order 2 is cancelled');
  });
});

describe('the recipe for orders of a customer', () => {
  const { start, run } = page('customer-orders.md');

  test('an order that pauses for a retry holds up the next ones of its customer, and nobody else', async () => {
    const shop = await start('shop');
    await shop.showsAll();
    await run('place');

    await shop.goesOnInSomeOrder();
    await run('report');

    const before = shop.lines.indexOf('order 1 is paid: Ada has invoice 1');
    expect(shop.lines.slice(0, before).filter((line) => line.includes('is paid'))).toHaveLength(3);
    await eventually(async () => expect(await admin.lengths('order.pay')).toMatchObject(SETTLED));
  });

  test('two shops keep the order together', async () => {
    const shops = [await start('shop'), await start('shop')];
    for (const shop of shops) await shop.showsAll();
    await run('place');

    await eventually(() => {
      const lines = shops.flatMap((shop) => shop.lines);
      expect(lines.filter((line) => line.includes('is paid'))).toHaveLength(6);
    }, 20_000);

    await run('report');
  });
});

describe('the recipe for tenants', () => {
  const { start, run } = page('fair-tenants.md');

  // The giant's two thousand reports take a while on a busy machine.
  const MADE_WITHIN_MS = 60_000;

  test.each([
    ['order', 'server', 'with keys, all of a hundred small tenants have their turn in 11 rounds'],
    ['order without keys', 'server without keys', 'without keys, they come after the giant'],
  ])('%s, %s: %s', async (order, server) => {
    await run(order);
    const reports = await start(server);

    await eventually(() => expect(reports.lines).toEqual(reports.shown), MADE_WITHIN_MS);

    await eventually(async () => expect(await admin.lengths('report.make')).toMatchObject(SETTLED));
  });
});

describe('the recipe for urgent messages', () => {
  const { start, run } = page('urgent-before-bulk.md');

  // A thousand mails take a while on a busy machine.
  const SENT_WITHIN_MS = 60_000;

  test.each([
    ['write', 'server', 'with priorities, passwords pass the newsletter'],
    ['write without priorities', 'server without priorities', 'without, they come after it'],
  ])('%s, %s: %s', async (write, server) => {
    await run(write);
    const mails = await start(server);

    await eventually(() => expect(mails.lines).toEqual(mails.shown), SENT_WITHIN_MS);

    await eventually(async () => expect(await admin.lengths('mail.send')).toMatchObject(SETTLED));
  });
});

describe('the recipe for flash sales', () => {
  const { start, run } = page('flash-sale.md');

  /** How many customers ordered, and how many were turned away. */
  async function rush(): Promise<number[]> {
    const terminal = await start('rush');
    expect(await terminal.exited).toBe(0);
    const [pressed, answers = ''] = terminal.lines;
    expect(pressed).toBe(terminal.shown[0]);
    expect(answers).toMatch(/^\d+ customers ordered, \d+ were turned away$/);
    return answers.match(/\d+/g)?.map(Number) ?? [];
  }

  test('sells each piece once, at the pace of its limit, and turns away those for whom there is no room', async () => {
    const sale = await start('sale');
    await sale.showsAll();

    const begin = performance.now();
    const [ordered = 0, turnedAway = 0] = await rush();
    await sale.goesOnInSomeOrder();
    await eventually(async () => expect(await admin.lengths('sale.order')).toMatchObject(SETTLED));
    const tookMs = performance.now() - begin;

    expect(ordered + turnedAway).toBe(1_000);
    expect(ordered).toBeGreaterThanOrEqual(200);
    // Five at once after a rest, and then one in 20 ms.
    expect(tookMs).toBeGreaterThan((ordered - 6) * 20);
    expect(ordered).toBeLessThan(200 + 4 + 5 + tookMs / 20);
    await run('report');

    const buyers = await commands.smembers('sale:buyers');
    expect(buyers).toHaveLength(100);
    // First come, first served, except for those that run side by side.
    const numbers = buyers.map((buyer) => Number(buyer.replace('customer-', '')));
    expect(Math.max(...numbers)).toBeLessThan(100 + 4);
  });

  test('keeps orders, and its bound, while the shop is closed', async () => {
    const before = await start('sale');
    await before.showsAll();
    before.signal('SIGINT');
    await before.exited;

    expect(await rush()).toEqual([200, 800]);
    expect(await rush()).toEqual([0, 800]);

    const sale = await start('sale');
    await sale.shows('200 orders are handled');
    await eventually(async () => expect(await admin.lengths('sale.order')).toMatchObject(SETTLED));
    expect(await commands.scard('sale:buyers')).toBe(100);
  });
});

describe('the recipe for peaks', () => {
  const { start, run } = page('peak-shaving.md');

  test('holds a burst at once, and works it off at a steady rate', async () => {
    const billing = await start('billing');
    await billing.showsAll();

    const begin = performance.now();
    await run('midnight');
    await billing.goesOn();

    // 50 ms each, although a timer may be one short.
    expect(performance.now() - begin).toBeGreaterThan(100 * 49);
    await eventually(async () =>
      expect(await admin.lengths('meter.reading')).toMatchObject(SETTLED),
    );
  });
});

describe('the recipe for a message bus', () => {
  const { start, run } = page('message-bus.md');

  test('each service gets the events that it wants, even those that came while it was away', async () => {
    const shipping = await start('shipping');
    const alerts = await start('alerts');
    const ledger = await start('ledger');
    for (const service of [shipping, alerts, ledger]) await service.showsAll();

    await run('paid');
    await shipping.goesOn();
    await ledger.goesOn();
    await run('failed');
    await alerts.goesOn();
    await ledger.goesOn();
    shipping.signal('SIGINT');
    await shipping.exited;
    await run('paid meanwhile');
    await ledger.goesOn();
    const again = await start('shipping again');
    await again.showsAllInSomeOrder();
    await ledger.goesOn();
  });
});

const SETTLED = { waiting: 0, processing: 0, delayed: 0, dead: 0 };

test('the index names every recipe', async () => {
  const index = await readText(`${PAGES}/README.md`);
  const recipes = (await documents()).filter((path) => path.startsWith(`${PAGES}/`));
  const missing = recipes
    .map((path) => path.slice(PAGES.length + 1))
    .filter((file) => file !== 'README.md' && !index.includes(`](${file})`));
  expect(missing).toEqual([]);
});

test('every command of a recipe has a name under which it is tried here', async () => {
  const recipes = (await documents()).filter((path) => path.startsWith(`${PAGES}/`));
  const unnamed: string[] = [];
  for (const path of recipes) {
    for (const { language, note, line } of codeBlocks(await readText(path))) {
      if (language === 'console' && !note?.startsWith('terminal ')) unnamed.push(`${path}:${line}`);
    }
  }
  expect(unnamed).toEqual([]);
});
