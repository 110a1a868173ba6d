import { describe, expect, test } from '@jest/globals';
import { parseDemoArguments, UsageError } from '../../scripts/demo/arguments.js';

describe('the arguments of the demo', () => {
  test('may all be left out', () => {
    expect(parseDemoArguments([])).toEqual({
      orders: undefined,
      json: false,
      keep: false,
      page: false,
      help: false,
    });
  });

  test('are read', () => {
    expect(parseDemoArguments(['--orders', '5000', '--json', '--keep', '-h'])).toEqual({
      orders: 5000,
      json: true,
      keep: true,
      page: false,
      help: true,
    });
    expect(parseDemoArguments(['--page'])).toMatchObject({ page: true });
  });

  test.each([
    [['--orders', '0'], '--orders must be a whole number from 1 to 100000, got "0"'],
    [['--orders', 'many'], 'got "many"'],
    [['--orders=1.5'], 'got "1.5"'],
    [['--orders'], "'--orders <value>'"],
    [['--fast'], "'--fast'"],
    [['5000'], "'5000'"],
    [['--page', '--orders', '5'], '--page cannot be combined'],
    [['--page', '--keep'], '--page cannot be combined'],
  ])('%j are refused with the reason', (args, reason) => {
    expect(() => parseDemoArguments(args)).toThrow(UsageError);
    expect(() => parseDemoArguments(args)).toThrow(reason);
  });
});
