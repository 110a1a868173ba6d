import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { findFreePort, isFreePort } from './free-port.js';

test('a port is free also while others ask for it', async () => {
  const port = await findFreePort();

  const answers = await Promise.all(Array.from({ length: 20 }, () => isFreePort(port)));

  expect(answers).toEqual(Array.from({ length: 20 }, () => true));
});

test('a port at which somebody listens is not free', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();

  expect(await isFreePort(typeof address === 'object' && address ? address.port : 0)).toBe(false);

  server.close();
});
