import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findChromium } from './find-chromium.js';

describe('findChromium', () => {
  let searchPath: string;

  beforeEach(async () => {
    searchPath = await mkdtemp(join(tmpdir(), 'find-chromium-spec-'));
  });

  afterEach(async () => {
    await rm(searchPath, { recursive: true });
  });

  test.each(['chromium', 'google-chrome'])('finds a browser that is called %s', async (name) => {
    const file = join(searchPath, name);
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o755);

    expect(await findChromium({ searchPath })).toBe(file);
  });

  test.each([true, false])(
    'says how to get one if there is none and it cannot be installed (mayInstall: %p)',
    async (mayInstall) => {
      await expect(findChromium({ searchPath, mayInstall })).rejects.toThrow(
        /Cannot find Chromium or Chrome[^]*sudo apt-get install chromium/,
      );
    },
  );
});
