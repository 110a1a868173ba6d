import { expect, test } from '@jest/globals';
import { HeldElements } from './held-elements.js';

test('keeps no body of an element that it does not hold', () => {
  const held = new HeldElements();
  const [kept, stray] = ['kept', 'stray'].map((name) => ({
    name,
    element: Buffer.from(name),
    body: Buffer.from(`body of ${name}`),
  }));
  held.keepBody(kept!);
  held.keepBody(stray!);
  held.add(kept!.element);
  held.dropBodiesOfOthers();
  expect(held.takeBody('stray')).toBeUndefined();
  expect(held.takeBody('kept')).toEqual(kept!.body);
});
