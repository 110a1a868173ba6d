import { describe, expect, test } from '@jest/globals';
import { decodeElement, encodeElement, withNextAttempt } from './envelope.js';
import { MOST_KEY_BYTES, keyOf, readKey, writtenKey } from './key.js';
import { setAside } from './set-aside.js';

const KEYS = ['customer-7', 'a b/c:"d"{e}\n', 'ключ 🚀', "(it's)*!~_.", '%41', ' '];

function elementOf(key: string): Buffer {
  return Buffer.from(encodeElement({ id: 'x', key, sentAtMs: 1 }, '{}'));
}

test.each(KEYS)('the key %j comes back as it was', (key) => {
  const element = elementOf(key);
  expect(decodeElement(element)).toMatchObject({ id: 'x', key });
  expect(readKey(keyOf(element)?.key ?? '')).toBe(key);
  expect(keyOf(element.toString())).toEqual(keyOf(element));
});

test.each(KEYS)('the key %j outlives retries, and tells that the message was out', (key) => {
  const again = withNextAttempt(withNextAttempt(elementOf(key), 'new'), 'new', 1);
  expect(keyOf(elementOf(key))).toEqual({ key: writtenKey(key), wasOut: false });
  expect(keyOf(again)).toEqual({ key: writtenKey(key), wasOut: true });
  expect(decodeElement(again)).toMatchObject({ key, attempt: 3, postponed: 1 });
});

test('a lone surrogate cannot be written', () => {
  expect(writtenKey('\ud83d')).toBeUndefined();
  expect(() => elementOf('\ud83d')).toThrow(TypeError);
});

describe('of what others wrote', () => {
  const long = 'k'.repeat(MOST_KEY_BYTES);

  test.each([
    ['{"rq":1,"key":"a"}\n', 'a'],
    [`{"rq":1,"key":"${long}","id":"x"}\n`, long],
    ['{"rq":1,"crashes":1,"attempt":2,"parked":"p-1","postponed":3,"key":"a","id":"x"}\n', 'a'],
  ])('%j has a key', (text, key) => {
    expect(keyOf(Buffer.from(text))?.key).toBe(key);
  });

  test.each([
    ['{"rq":1,"id":"x","key":"a"}\n', 'it stands elsewhere'],
    ['{"rq":1,"key":"a"}', 'plain data has no header'],
    ['{"rq":2,"key":"a"}\n', 'another version'],
    ['{"rq": 1,"key":"a"}\n', 'a space'],
    ['{"rq":1,"key":""}\n', 'it is empty'],
    ['{"rq":1,"key":"a b"}\n', 'it is not percent-encoded'],
    ['{"rq":1,"key":7}\n', 'a number'],
    ['{"rq":1,"key":"a" ,"id":"x"}\n', 'a space behind it'],
    [`{"rq":1,"key":"${long}k"}\n`, 'it is too long'],
    [`{"rq":1,"crashes":${'9'.repeat(16)},"key":"a"}\n`, 'a count is too long'],
    [`{"rq":1,"parked":"${'p'.repeat(65)}","key":"a"}\n`, 'the name of its body is too long'],
    ['{"rq":1,"attempt":2,"crashes":1,"key":"a"}\n', 'counts in another order'],
  ])('%j has none: %s', (text) => {
    expect(keyOf(Buffer.from(text))).toBeUndefined();
  });

  test('a large one whose header cannot be read keeps its key', () => {
    const element = Buffer.from('{"rq":1,"key":"a",no JSON\nbody');
    expect(keyOf(setAside(element, 'p', 'new').element)?.key).toBe('a');
  });
});
