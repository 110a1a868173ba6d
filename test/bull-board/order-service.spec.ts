import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { enterItems } from '../../scripts/demo/stock.js';
import { browserRig } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { ShopRig } from '../support/shop-rig.js';
import type { OrderView } from '../support/shop-rig.js';

const browser = await browserRig();

/** Leaves out the folder of this machine, which occurs in stacks. */
async function takeScreenshot(page: Page, path: string): Promise<void> {
  const folder = JSON.stringify(`${process.cwd()}/`);
  await page.evaluate(`
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(${folder}, '');
  `);
  await page.screenshot({ path });
}

const PASSWORD = 'open sesame';
const basic = (password: string): string =>
  `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

describe('the dashboard of order-service', () => {
  let rig: ShopRig;

  beforeAll(async () => {
    rig = await ShopRig.open({ CUP: 3 }, { DASHBOARD_PASSWORD: PASSWORD });
    await rig.shop.open();
  });
  afterAll(() => rig.close());

  const statusOf = async (path: string, headers: Record<string, string> = {}): Promise<number> => {
    const response = await fetch(`${rig.shop.address}${path}`, { headers });
    await response.arrayBuffer();
    return response.status;
  };

  test('asks for a password on each of its addresses', async () => {
    for (const path of [
      '/queues',
      '/queues/',
      '/queues/api/queues',
      '/queues/static/favicon-32x32.png',
    ])
      expect([
        path,
        await statusOf(path),
        await statusOf(path, { authorization: basic('admin') }),
        await statusOf(path, { authorization: basic(PASSWORD) }),
      ]).toEqual([path, 401, 401, 200]);
    expect(await statusOf('/orders')).toBe(200);
  });

  test('accepts nothing from a form of another site, to which a browser adds the password', async () => {
    const queue = 'inventory.reserve';
    const response = await fetch(`${rig.shop.address}/queues/api/queues/${queue}/add`, {
      method: 'POST',
      headers: {
        authorization: basic(PASSWORD),
        origin: 'https://evil.example',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'name=x&data[orderId]=stolen&options[headers][a]=b',
    });
    expect([response.status, await response.text()]).toEqual([
      403,
      'Only pages of this site may do that.',
    ]);
  });

  browser.describe('in a browser', () => {
    test('a dead letter is found, opened, sent again and handled', async () => {
      const tea = 'TEA-OOLONG-75';
      const customer = { name: 'Ada', email: 'ada@mail.example' };
      const lines = [{ sku: tea, quantity: 2 }];
      const { body } = await rig.post('/orders', { customer, lines });
      const { id } = body as OrderView;
      const page = await browser.page({
        httpCredentials: { username: 'admin', password: PASSWORD },
        viewport: { width: 1_000, height: 560 },
      });

      await page.goto(`${rig.shop.address}/queues`);
      await page
        .locator('nav')
        .getByRole('link', { name: 'inventory.reserve', exact: true })
        .click();
      await page.getByRole('link', { name: 'FAILED 1' }).click();
      await page.getByText(`not in the stock's books: ${tea}`).waitFor();
      const screenshot = process.env['DASHBOARD_SCREENSHOT']; // for docs/dashboard.md
      if (screenshot !== undefined) await takeScreenshot(page, screenshot);

      await page.getByRole('link', { name: /^\d+-\d+$/ }).click();
      await page.getByRole('tab', { name: 'Data' }).click();
      await page.getByRole('tabpanel').getByText(id).waitFor();
      await page.getByRole('tab', { name: 'Options' }).click();
      await page.getByRole('tabpanel').getByText('deadAt').waitFor();

      await enterItems(rig.stage.redis, [{ sku: tea, units: 25 }]);
      // The buttons have no names, only tooltips.
      const retry = page.locator('main ul[class*=jobActions] button').first();
      await retry.hover();
      await page.getByText('Retry', { exact: true }).waitFor();
      await retry.click();
      await page.getByRole('button', { name: 'Confirm' }).click();

      await eventually(async () => expect((await rig.order(id)).status).toBe('confirmed'));
      await page.goto(`${rig.shop.address}/queues/queue/inventory.reserve?status=failed`);
      await page.getByText('No failed jobs in this queue.').waitFor();
      expect(await rig.unitsOf(tea)).toBe(23);
    });
  });
});

describe('a dashboard in production', () => {
  test.each([
    [undefined, 404],
    [PASSWORD, 401],
  ])('with the password %p, it answers a stranger with %p', async (password, status) => {
    const rig = await ShopRig.open(
      {},
      {
        NODE_ENV: 'production',
        ...(password === undefined ? {} : { DASHBOARD_PASSWORD: password }),
      },
    );
    try {
      await rig.shop.start('order-service');
      const response = await fetch(`${rig.shop.address}/queues`);
      await response.arrayBuffer();
      expect(response.status).toBe(status);
    } finally {
      await rig.close();
    }
  });
});
