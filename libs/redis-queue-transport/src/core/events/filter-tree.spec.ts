import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isMeantBy, isWildcard } from './event-patterns.js';
import { FilterTree } from './filter-tree.js';

const segment = fc.constantFrom('a', 'b', '', '*', '#', 'a*', '{"x":1}');
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
const filter = name.filter(isWildcard);
const concrete = name.filter((one) => !isWildcard(one));

function treeOf(filters: readonly string[]): FilterTree<string> {
  const tree = new FilterTree<string>();
  for (const one of filters) tree.set(one, one);
  return tree;
}

test('finds what comparing with each filter finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 20 }), concrete, (filters, pattern) => {
      const wanted = filters.filter((one) => isMeantBy(one, pattern));
      expect(treeOf(filters).matching(pattern).sort()).toEqual(wanted.sort());
    }),
  );
});

test('forgets what is deleted, and nothing else', () => {
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 20 }), fc.array(filter), (filters, gone) => {
      const tree = treeOf(filters);
      for (const one of gone) tree.delete(one);
      const left = filters.filter((one) => !gone.includes(one));
      expect([...tree.values()].sort()).toEqual([...left].sort());
      expect(tree.size).toBe(left.length);
      for (const one of filters) expect(tree.get(one)).toBe(left.includes(one) ? one : undefined);
    }),
  );
});
