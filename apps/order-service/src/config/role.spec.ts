import { expect, test } from '@jest/globals';
import { readRole } from './role.js';

test.each([
  [{}, 'all'],
  [{ ROLE: '' }, 'all'],
  [{ ROLE: 'web' }, 'web'],
])('the role in %p is %s', (environment, role) => {
  expect(readRole(environment)).toBe(role);
});

test('an unknown role is refused with the reason', () => {
  expect(() => readRole({ ROLE: 'worker' })).toThrow('ROLE must be all or web, got "worker"');
});
