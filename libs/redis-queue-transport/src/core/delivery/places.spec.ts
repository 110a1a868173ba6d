import { describe, expect, test } from '@jest/globals';
import { OwnPlaces, Places } from './places.js';

function ownPlaces(places: Places): OwnPlaces & { told: number } {
  const own = Object.assign(new OwnPlaces(places, () => void (own.told += 1)), { told: 0 });
  return own;
}

describe('places', () => {
  test('are kept up to their number, and free again after they are given back', () => {
    const places = new Places(3);
    const [a, b] = [ownPlaces(places), ownPlaces(places)];

    expect(a.keep(2)).toBe(2);
    expect(a.keep(2)).toBe(2);
    expect(b.keep(5)).toBe(1);
    a.begin();
    a.release();
    expect(b.keep(5)).toBe(2);
    a.end();
    expect(b.keep(5)).toBe(3);
  });

  test('go to those that wait, in turn, one to each', () => {
    const places = new Places(1);
    const [a, b, c] = [ownPlaces(places), ownPlaces(places), ownPlaces(places)];
    expect(a.keep(1)).toBe(1);
    a.begin();
    expect([b.keep(2), c.keep(1), b.keep(1)]).toEqual([0, 0, 0]);

    a.end();
    expect([b.told, c.told]).toEqual([1, 0]);
    // One that has just ended queues behind those that were waiting.
    expect(a.keep(1)).toBe(0);
    b.begin();
    b.end();
    expect([b.told, c.told, a.told]).toEqual([1, 1, 0]);
    c.release();

    expect([b.told, c.told, a.told]).toEqual([1, 1, 1]);
  });

  test('that are not needed come back', () => {
    const places = new Places(2);
    const [a, b] = [ownPlaces(places), ownPlaces(places)];
    expect(a.keep(2)).toBe(2);
    expect(b.keep(1)).toBe(0);

    a.release();
    b.release();

    expect(a.keep(2)).toBe(2);
  });
});
