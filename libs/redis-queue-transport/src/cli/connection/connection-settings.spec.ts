import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Given } from '../words/given.js';
import { connectionSettings } from './connection-settings.js';

test('passwords in the nodes of a cluster are never shown', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'settings-'));
  try {
    const nodes = ['redis://user:pa%21ss@a:1', { host: 'b' }];
    const file = join(directory, 'redis-queue.json');
    await writeFile(file, JSON.stringify({ connection: { nodes, password: 'other' } }));
    const given = { text: () => undefined } as unknown as Given; // nothing was given
    const { secrets } = connectionSettings(given, {}, directory);
    expect(secrets).toEqual(expect.arrayContaining(['pa%21ss', 'pa!ss', 'other']));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
