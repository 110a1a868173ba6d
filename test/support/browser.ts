import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { findChromium } from 'local-redis';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

/** A Chromium for a spec file. */
export interface BrowserRig {
  /** `describe` for tests that open pages. They are skipped if there is no Chromium. */
  readonly describe: typeof describe | typeof describe.skip;
  /** Opens an empty page that shares no cookies and no storage with others. It is closed after the test. */
  page(options?: BrowserContextOptions): Promise<Page>;
}

/**
 * A rig that lives as long as the spec file: `const browser = await browserRig()` at its top. It installs Chromium if
 * it may (`findChromium`), before any test, since that takes longer than a test may. An error that no script of a page
 * catches fails the test.
 */
export async function browserRig(): Promise<BrowserRig> {
  const executablePath = await findChromium().catch((error: unknown) => {
    process.stderr.write(`Tests of pages are skipped. ${String(error)}\n`);
    return undefined;
  });
  let browser: Browser | undefined;
  let contexts: BrowserContext[] = [];
  let uncaught: Error[] = [];

  if (executablePath !== undefined) {
    beforeAll(async () => {
      // The sandbox does not work for root, nor in most containers.
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    });
    afterEach(async () => {
      await Promise.all(contexts.map((context) => context.close()));
      const [error] = uncaught;
      contexts = [];
      uncaught = [];
      if (error !== undefined) throw error;
    });
    afterAll(() => browser?.close());
  }

  return {
    describe: executablePath === undefined ? describe.skip : describe,
    page: async (options) => {
      if (browser === undefined) throw new Error('The browser of this file has not been started.');
      const context = await browser.newContext(options);
      contexts.push(context);
      context.on('weberror', (problem) => uncaught.push(problem.error()));
      return context.newPage();
    },
  };
}
