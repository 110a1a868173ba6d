import { expect, test } from '@jest/globals';
import { basicAuth } from './basic-auth.js';

const letIn = basicAuth('admin', 'pass:wörd');

function ask(authorization: string | undefined): { passed: boolean; status: number } {
  let passed = false;
  const response = { statusCode: 200, setHeader: () => undefined, end: () => undefined };
  letIn({ headers: { authorization } }, response, () => {
    passed = true;
  });
  return { passed, status: response.statusCode };
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('lets in requests with the name and the password', () => {
  expect(ask(basic('admin:pass:wörd'))).toEqual({ passed: true, status: 200 });
  expect(ask(basic('admin:pass:wörd').replace('Basic', 'basic')).passed).toBe(true);
});

test.each([
  undefined,
  '',
  'Basic',
  'Basic ',
  basic(''),
  basic(':'),
  basic('admin:'),
  basic('admin:pass'),
  basic('root:pass:wörd'),
  basic('admin:pass:wörd '),
  `Bearer ${Buffer.from('admin:pass:wörd').toString('base64')}`,
])('keeps out %p', (authorization) => {
  expect(ask(authorization)).toEqual({ passed: false, status: 401 });
});
