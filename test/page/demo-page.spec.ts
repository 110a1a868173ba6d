import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { browserRig } from '../support/browser.js';
import { DemoProcess, isAlive } from '../demo/demo-process.js';
import { eventually } from '../support/eventually.js';
import { faintTexts } from './contrast.js';
import { Relay } from './relay.js';

jest.setTimeout(120_000);

/** For things that pass through several processes, on a machine that may be busy. */
const WITHIN_MS = 60_000;
/** How often the page gets news of orders at most. */
const TOLD_EVERY_MS = 100;

const browser = await browserRig();

browser.describe('the page of the demo', () => {
  let directory: string;
  let demo: DemoProcess;
  let address: string;
  /** The errors in the console of the page. */
  let complaints: string[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'demo-page-'));
    demo = new DemoProcess(directory, ['--page']);
    await demo.shows('Ctrl-C stops everything');
    [, address = ''] = /Open (\S+)/.exec(demo.output) ?? [];
  }, 90_000);

  afterAll(async () => {
    demo.signalGroup('SIGINT');
    await demo.exited;
    await eventually(() => rm(directory, { recursive: true, force: true }));
  });

  afterEach(() => {
    expect(complaints).toEqual([]);
  });

  /** The page, with its first snapshot and figures. */
  async function open(
    options?: BrowserContextOptions,
    path = '/',
    origin = address,
  ): Promise<Page> {
    const page = await browser.page(options);
    page.setDefaultTimeout(WITHIN_MS);
    complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(origin + path);
    await page.locator('#services').waitFor();
    await page.locator('#stock', { hasText: 'TEA-ASSAM-250' }).waitFor();
    return page;
  }

  async function place(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Place the order' }).click();
  }

  /** Waits until the page shows this state for the order that the form has placed. */
  async function says(page: Page, text: string): Promise<void> {
    await page.locator('#said', { hasText: text }).waitFor();
  }

  function service(page: Page, name: string): Locator {
    return page.locator('.service').filter({ hasText: name });
  }

  /** How many messages wait in a queue, as the page shows it. */
  async function waiting(page: Page, queue: string): Promise<string> {
    const row = page.getByRole('row').filter({
      has: page.getByRole('rowheader', { name: queue, exact: true }),
    });
    return (await row.locator('td').first().textContent()) ?? '';
  }

  /** Kills each process of a service that can be killed from the page. */
  async function killAll(page: Page, name: string): Promise<void> {
    const buttons = service(page, name).getByRole('button', { name: 'kill -9' });
    for (const button of await buttons.elementHandles()) await button.click();
    await eventually(async () => expect(await buttons.count()).toBe(0), WITHIN_MS);
  }

  async function start(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name: `Start ${name}` }).click();
    await service(page, name).getByRole('button', { name: 'kill -9' }).first().waitFor();
  }

  test('places an order and shows it confirmed; markup in it stays text', async () => {
    const page = await open();
    const name = '<img src=x onerror="document.title=1"> & Zoë';
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('textbox', { name: 'E-mail' }).fill('zoe@example.com');
    await place(page);
    await says(page, 'is confirmed');
    const first = page.locator('#orders li').first();
    expect(await first.textContent()).toContain(name);
    expect(await first.textContent()).toContain('confirmed');
    expect(await page.locator('img').count()).toBe(0);
    await page.locator('#emails', { hasText: 'zoe@example.com' }).waitFor();
    expect(await page.title()).toBe('The shop that loses no order');
  });

  test('says why an order is refused', async () => {
    const page = await open();
    await page.getByRole('textbox', { name: 'Name' }).fill('   ');
    await place(page);
    await says(page, 'customer.name must not be blank');
    complaints = []; // a browser logs the status 400 as an error
  });

  test('places an order with the keyboard alone', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Skip');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Grace Hopper');
    const focused = (): Promise<string | null | undefined> =>
      page.evaluate(() => document.activeElement?.textContent);
    for (let tabs = 0; tabs < 10 && (await focused()) !== 'Place the order'; tabs += 1) {
      await page.keyboard.press('Tab');
    }
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement ?? document.body).outlineStyle,
    );
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    await says(page, 'is confirmed');
    expect(await page.locator('#orders li').first().textContent()).toContain('Grace Hopper');
  });

  test('shows a rush: each order ends, and the page gets news of many at once', async () => {
    const page = await open({}, '/?rush=200');
    await page.evaluate(() => {
      const feed = new EventSource('/live');
      feed.addEventListener('orders', () => {
        document.body.dataset['told'] = String(Number(document.body.dataset['told'] ?? 0) + 1);
      });
    });
    const before = Number(await page.locator('#states strong').nth(3).textContent());
    const since = performance.now();
    await page.getByRole('button', { name: 'Rush: 200 orders' }).click();
    await says(page, '200 orders were accepted, 0 refused.');
    await eventually(async () => {
      const counts = (await page.locator('#states strong').allTextContents()).map(Number);
      const [placing, accepted, reserved, confirmed = 0, rejected = 0] = counts;
      expect([placing, accepted, reserved]).toEqual([0, 0, 0]);
      expect(confirmed + rejected).toBeGreaterThanOrEqual(before + 200);
    }, WITHIN_MS);
    const told = Number(await page.evaluate(() => document.body.dataset['told']));
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual((performance.now() - since) / TOLD_EVERY_MS + 1);
    expect(await page.locator('#wall i[data-status="confirmed"]').count()).toBeGreaterThan(150);
  });

  test('shows that orders wait while inventory-service is dead, and end when it is back', async () => {
    const page = await open();
    await killAll(page, 'inventory-service');
    await service(page, 'inventory-service').getByText('No process is running').waitFor();
    await place(page);
    await says(page, 'is accepted');
    await eventually(async () => {
      expect(await waiting(page, 'inventory.reserve')).toBe('1');
    }, WITHIN_MS);
    await page.locator('#stock-age', { hasText: 'inventory-service does not answer' }).waitFor();
    await start(page, 'inventory-service');
    await says(page, 'is confirmed');
  });

  test('shows that events wait while the consumer of order-service is dead', async () => {
    const page = await open();
    await killAll(page, 'order-service');
    expect(await service(page, 'order-service').textContent()).toContain('serves this page');
    await place(page);
    await eventually(async () => {
      expect(await waiting(page, '@orders/inventory.reserved')).toBe('1');
    }, WITHIN_MS);
    await says(page, 'is accepted');
    await start(page, 'order-service');
    await says(page, 'is confirmed');
  });

  test('shows a poisoned message as a dead letter, with the reason and its data as text', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Poison a message' }).click();
    const letter = page.locator('#dead li').filter({ hasText: 'lines must be an array' });
    await letter.waitFor();
    expect(await letter.textContent()).toContain('<b>not lines</b>');
    expect(await letter.locator('b').count()).toBe(0);
    await page.locator('#done', { hasText: 'on its way' }).waitFor();
  });

  test('reconnects after the stream was cut, and shows what it missed', async () => {
    const relay = await Relay.open(Number(new URL(address).port));
    try {
      const page = await open({}, '/', `http://127.0.0.1:${relay.port}`);
      relay.cut();
      await page.locator('#connection', { hasText: 'connecting again' }).waitFor();
      const placed = await fetch(`${address}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          customer: { name: 'Placed Elsewhere', email: 'a@example.com' },
          lines: [{ sku: 'TEA-ASSAM-250', quantity: 1 }],
        }),
      });
      expect(placed.status).toBe(202);
      relay.mend();
      await page.locator('#connection.live').waitFor();
      await page.locator('#orders li', { hasText: 'Placed Elsewhere' }).waitFor();
      complaints = []; // a browser logs each try as an error
    } finally {
      await relay.close();
    }
  });

  test.each([320, 390])('fits on a phone %d pixels wide', async (width) => {
    const page = await open({ viewport: { width, height: 800 } });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });

  test.each(['light', 'dark'] as const)('can be read in the %s scheme', async (colorScheme) => {
    const page = await open({ colorScheme });
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(ground).toBe(colorScheme === 'dark' ? 'rgb(14, 18, 23)' : 'rgb(243, 245, 248)');
    expect(await faintTexts(page)).toEqual([]);
  });

  test('links the other views of the shop', async () => {
    const page = await open();
    const links = await page.getByRole('navigation').getByRole('link').all();
    const paths = await Promise.all(links.map((link) => link.getAttribute('href')));
    expect(paths).toEqual(['/orders', '/queues', '/metrics', '/health/ready']);
    for (const path of paths) {
      // The dashboard asks for a password.
      expect([200, 401]).toContain((await fetch(address + path)).status);
    }
  });

  test('does not let another site press the buttons, and kills no process except those of the shop', async () => {
    await open();
    const ask = async (path: string, method: string, headers = {}): Promise<number> =>
      (await fetch(`${address}/demo/${path}`, { method, headers })).status;
    /**
     * Sends what a browser sends for another site whose name leads to this address. fetch cannot send another `Host`.
     */
    const askAs = async (host: string): Promise<number | undefined> => {
      const path = `${address}/demo/poison`;
      const asking = request(path, { method: 'POST', headers: { host, origin: `http://${host}` } });
      const [answer] = (await once(asking.end(), 'response')) as [IncomingMessage];
      answer.resume();
      return answer.statusCode;
    };
    expect(await ask('poison', 'POST', { origin: 'http://evil.example' })).toBe(403);
    expect(await ask('poison', 'POST', { origin: 'null' })).toBe(403);
    expect(await askAs('shop.evil.example')).toBe(403);
    expect(await ask(`processes/${process.pid}`, 'DELETE')).toBe(404);
    expect(await ask('processes/1', 'DELETE', { origin: address })).toBe(404);
    expect(await ask('processes/nonsense', 'POST')).toBe(400);
    expect(await ask('processes/-1', 'DELETE')).toBe(404);
  });

  // Last, since it ends the demo.
  test('disappears at Ctrl-C with everything that was started, even while it is open', async () => {
    const page = await open();
    const pids = [
      ...((await page.locator('#services').textContent()) ?? '').matchAll(/pid (\d+)/g),
    ];
    expect(pids.length).toBeGreaterThanOrEqual(3);
    demo.signalGroup('SIGINT');
    await page.locator('#connection', { hasText: 'connecting again' }).waitFor();
    expect(await demo.exited).toBe(0);
    expect(demo.output).not.toContain('while stopping');
    expect(pids.map(([, pid]) => Number(pid)).filter(isAlive)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
    complaints = []; // a browser complains of each try
  });
});
