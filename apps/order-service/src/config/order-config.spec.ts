import { describe, expect, test } from '@jest/globals';
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

describe('the supervisor of the demo', () => {
  test('is absent by default', () => {
    expect(new OrderConfig('redis://unused', {}).supervisorUrl).toBeUndefined();
  });

  test('is at the address of the variable', () => {
    const environment = { DEMO_SUPERVISOR_URL: 'http://127.0.0.1:4000/secret/' };
    expect(new OrderConfig('redis://unused', environment).supervisorUrl?.pathname).toBe('/secret/');
  });

  test.each(['http://192.0.2.1/', 'https://127.0.0.1/', 'ftp://localhost/', 'nonsense'])(
    'is not taken at %s',
    (url) => {
      expect(() => new OrderConfig('redis://unused', { DEMO_SUPERVISOR_URL: url })).toThrow(
        `DEMO_SUPERVISOR_URL must be an http address of this machine, got "${url}"`,
      );
    },
  );

  test('is not taken by a service that others can reach', () => {
    const environment = { DEMO_SUPERVISOR_URL: 'http://127.0.0.1:4000/', HOST: '0.0.0.0' };
    expect(() => new OrderConfig('redis://unused', environment)).toThrow(
      'With DEMO_SUPERVISOR_URL, HOST must be 127.0.0.1, ::1 or localhost, got "0.0.0.0"',
    );
  });
});
