import { expect, test } from '@jest/globals';
import { sameOrigin } from './same-origin.js';

function statusOf(method: string, headers: Record<string, string>): number {
  const response = { statusCode: 200, end: () => undefined };
  let passed = false;
  sameOrigin({ method, headers: { host: 'shop.example:3000', ...headers } }, response, () => {
    passed = true;
  });
  return passed ? 200 : response.statusCode;
}

test.each<[string, Record<string, string>]>([
  ['GET', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['POST', {}],
  ['POST', { 'sec-fetch-site': 'same-origin', origin: 'https://shop.example' }],
  ['PUT', { origin: 'http://shop.example:3000' }],
])('lets %s with %p pass', (method, headers) => {
  expect(statusOf(method, headers)).toBe(200);
});

test.each<[string, Record<string, string>]>([
  ['POST', { 'sec-fetch-site': 'cross-site' }],
  ['POST', { 'sec-fetch-site': 'same-site', origin: 'http://shop.example:3000' }],
  ['POST', { origin: 'https://evil.example' }],
  ['POST', { origin: 'http://shop.example:4000' }],
  ['PUT', { origin: 'null' }],
])('refuses %s with %p', (method, headers) => {
  expect(statusOf(method, headers)).toBe(403);
});
