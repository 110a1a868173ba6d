import { expect, test } from '@jest/globals';
import { OrderConfig } from './order-config.js';

test('an empty variable counts as unset', () => {
  const config = new OrderConfig('redis://unused', { PORT: '', DATA_PREFIX: ' ' });
  expect(config).toMatchObject({ port: 3000, dataPrefix: 'shop' });
});

test.each(['abc', '-1', '1.5', '65536', '1e3'])('PORT=%s is refused with the reason', (port) => {
  expect(() => new OrderConfig('redis://unused', { PORT: port })).toThrow(
    `PORT must be a whole number from 0 to 65535, got "${port}"`,
  );
});
