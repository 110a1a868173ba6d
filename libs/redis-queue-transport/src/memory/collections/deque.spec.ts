import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Deque } from './deque.js';

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), item: fc.nat() }),
  fc.record({ do: fc.constant('unshift' as const), item: fc.nat() }),
  fc.record({ do: fc.constant('shift' as const) }),
  fc.record({ do: fc.constant('pop' as const) }),
  fc.record({ do: fc.constant('removeAt' as const), index: fc.nat(40) }),
);

describe('a deque', () => {
  test('does what an array does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const deque = new Deque<number>();
        const model: number[] = [];
        for (const one of steps) {
          if (one.do === 'push') {
            deque.push(one.item);
            model.push(one.item);
          } else if (one.do === 'unshift') {
            deque.unshift(one.item);
            model.unshift(one.item);
          } else if (one.do === 'removeAt') {
            deque.removeAt(one.index);
            model.splice(one.index, 1);
          } else expect(deque[one.do]()).toBe(model[one.do]());
          expect(deque.slice()).toEqual(model);
        }
        expect(deque.at(-1)).toBe(model.at(-1));
        expect(deque.at(1)).toBe(model[1]);
        expect(deque.slice(2, 5)).toEqual(model.slice(2, 5));
        expect(deque.findIndex((item) => item === model[3])).toBe(model.indexOf(model[3]!));
      }),
    );
  });
});
