import { expect, test } from '@jest/globals';
import { OrderConfig } from './order-config.js';

test('an empty variable counts as unset', () => {
  const config = new OrderConfig('redis://unused', { PORT: '', DATA_PREFIX: ' ' });
  expect(config).toMatchObject({ port: 3000, dataPrefix: 'shop' });
});

test.each([
  [{}, 'admin'],
  [{ DASHBOARD_PASSWORD: 'secret' }, 'secret'],
  [{ NODE_ENV: 'production' }, undefined],
  [{ NODE_ENV: 'production', DASHBOARD_PASSWORD: ' ' }, undefined],
  [{ NODE_ENV: 'production', DASHBOARD_PASSWORD: 'secret' }, 'secret'],
])('with %j, the password of the dashboard is %p', (environment, password) => {
  expect(new OrderConfig('redis://unused', environment).dashboardPassword).toBe(password);
});

test.each(['abc', '-1', '1.5', '65536', '1e3'])('PORT=%s is refused with the reason', (port) => {
  expect(() => new OrderConfig('redis://unused', { PORT: port })).toThrow(
    `PORT must be a whole number from 0 to 65535, got "${port}"`,
  );
});
