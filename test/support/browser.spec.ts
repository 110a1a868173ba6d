import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { activeResources, expectNothingMoreOpen } from './active-resources.js';
import type { ActiveResources } from './active-resources.js';
import { browserRig } from './browser.js';

const browser = await browserRig();
let before: ActiveResources;

beforeEach(() => {
  before = activeResources();
});

afterEach(() => expectNothingMoreOpen(before));

browser.describe('the browser of a test', () => {
  test('opens pages, runs their scripts, and leaves nothing open', async () => {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<title>before</title><button onclick="document.title = `after`">Go</button>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on a port

    const page = await browser.page();
    await page.goto(`http://127.0.0.1:${port}/`);
    expect(await page.title()).toBe('before');
    await page.getByRole('button', { name: 'Go' }).click();
    expect(await page.title()).toBe('after');

    await page.close();
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  });
});
