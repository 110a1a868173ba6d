import { describe, expect, test } from '@jest/globals';
import { deadLetterElement, readDeadLetter, redrivenElement } from './dead-letter.js';
import type { DeadLetterFacts } from './dead-letter.js';
import { decodeElement } from './envelope.js';

const FACTS: DeadLetterFacts = {
  reason: 'handlerFailed',
  error: { name: 'Error', message: 'no' },
  attempt: 5,
  queue: 'q',
  consumer: 'c',
  at: 1_000,
};

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function text(element: Buffer): string {
  return element.toString();
}

describe('a dead letter', () => {
  test('is a header with the facts, and the whole element', () => {
    const element = bytes('{"rq":1,"id":"x","at":7}\n{"a":1}');
    const dead = JSON.stringify({ ...FACTS, whole: true });
    const letter = deadLetterElement(element, FACTS);
    expect(text(letter)).toBe(`{"rq":1,"dead":${dead}}\n${text(element)}`);
    expect(readDeadLetter(letter)).toEqual({ facts: FACTS, original: element });
  });

  test('names the parked body at its front', () => {
    const element = bytes('{"rq":1,"crashes":1,"attempt":3,"parked":"a-1","id":"x"}\n');
    const letter = deadLetterElement(element, FACTS);
    expect(text(letter)).toMatch(/^\{"rq":1,"parked":"a-1","dead":\{"reason"/);
    expect(readDeadLetter(letter)).toEqual({ facts: FACTS, original: element });
  });

  test('of an earlier release, with the facts among the other fields, is read too', () => {
    const [before, after] = [
      '{"rq":1,"attempt":2,"7":1,"id":"x"',
      '"n":12345678901234567890}\n{"a":1}',
    ];
    const letter = bytes(`${before},"dead":${JSON.stringify(FACTS)},${after}`);
    expect(readDeadLetter(letter)).toEqual({
      facts: FACTS,
      original: bytes(`${before},${after}`),
    });
  });

  test.each([
    ['of facts alone', '{}'],
    ['without an error', '{"reason":"rejected"}'],
    ['with an error of another shape', '{"error":null,"reason":7,"attempt":"1","at":1e400}'],
    ['with an error of other parts', '{"error":{"name":[],"message":{},"stack":1}}'],
  ])('%s that others wrote is read as far as possible', (_what, dead) => {
    const letter = bytes(`{"rq":1,"dead":${dead},"id":"x"}\n{}`);
    const { facts, original } = readDeadLetter(letter)!;
    expect(facts).toMatchObject({
      error: { name: 'Error', message: 'The error is not recorded.' },
      attempt: 1,
      at: 0,
    });
    expect(original).toEqual(bytes('{"rq":1,"id":"x"}\n{}'));
    expect(decodeElement(redrivenElement(letter)).id).toBe('x');
  });

  test.each([
    ['plain data', bytes('{"a":1}')],
    ['a header that cannot be read', bytes('{"rq":1,\nbody')],
    [
      'a header that is nested too deeply',
      bytes(`{"rq":1,"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}\nb`),
    ],
    ['a header that is too long', bytes(`{"rq":1,"a":"${'a'.repeat(100_000)}"}\nb`)],
    ['a dead letter', deadLetterElement(bytes('{"rq":1,"id":"x"}\n{}'), FACTS)],
    ['bytes', Buffer.from([0, 10, 255])],
    ['nothing', Buffer.alloc(0)],
  ])('of %s keeps the element byte for byte', (_what, element) => {
    const letter = readDeadLetter(deadLetterElement(element, FACTS));
    expect(letter?.facts).toEqual(FACTS);
    expect(letter?.original.equals(element)).toBe(true);
  });

  test('is not recognised without the facts', () => {
    expect(readDeadLetter(bytes('{"rq":1,"id":"x"}\n{}'))).toBeUndefined();
    expect(readDeadLetter(bytes('plain'))).toBeUndefined();
  });

  test('is sent again as a new message with the same id and its history', () => {
    const element = bytes(
      '{"rq":1,"crashes":1,"attempt":5,"id":"x","replyTo":"l","re":1,"expiresAt":9,"headers":{"a":"b"}}\n{}',
    );
    const once = redrivenElement(deadLetterElement(element, FACTS));
    expect(decodeElement(once)).toMatchObject({
      id: 'x',
      attempt: 1,
      crashes: 0,
      replyTo: undefined,
      expiresAtMs: undefined,
    });
    const twice = decodeElement(redrivenElement(deadLetterElement(once, { ...FACTS, at: 2_000 })));
    const { 'dead-letter-history': history, ...headers } = twice.headers;
    expect(headers).toEqual({ a: 'b' });
    expect(JSON.parse(history ?? '')).toMatchObject([{ at: 1_000 }, { at: 2_000 }]);
  });

  test('of plain data is sent again unchanged', () => {
    const element = bytes('{"a":1}');
    expect(redrivenElement(deadLetterElement(element, FACTS))).toEqual(element);
  });

  test.each([
    ['the fields after its counts', '"7":1,"id":"x","n":12345678901234567890,"headers":{}'],
    ['names that occur twice', '"a":1,"a":[{"a":"}\\""}],"__proto__":{},"headers":{}'],
    ['deeply nested values', `"a":${'[{"a":'.repeat(5_000)}1${'}]'.repeat(5_000)},"headers":{}`],
    ['bytes that are not ASCII', '"ключ":"значение 🚀 \\ud83d","headers":{}'],
  ])('is sent again with %s', (_what, fields) => {
    const element = bytes(`{"rq":1,"crashes":1,"attempt":2,${fields}}\nbody`);
    const again = text(redrivenElement(deadLetterElement(element, FACTS)));
    const history = '"dead-letter-history":';
    const before = fields.slice(0, -1);
    expect(again.slice(0, before.length + 8 + history.length)).toBe(`{"rq":1,${before}${history}`);
    expect(again).toMatch(/\n?body$/);
  });

  test('is sent again without fields that look like counts but come after them', () => {
    const element = bytes(
      '{"rq":1,"crashes":1,"parked":"a","crashes":3,"replyTo":"l","re":1,"parked":"b","attempt":7,"id":"x"}\n',
    );
    const again = redrivenElement(deadLetterElement(element, FACTS));
    expect(text(again)).toMatch(
      /^\{"rq":1,"parked":"a","id":"x","headers":\{"dead-letter-history":"/,
    );
  });

  test('keeps the last of two fields named "headers", and the history of earlier deaths', () => {
    const past = JSON.stringify([{ reason: 'rejected', at: 1, nested: [[[]]] }, 'no death']);
    const element = bytes(
      `{"rq":1,"headers":{"a":"1"},"id":"x","headers":{"dead-letter-history":${JSON.stringify(past)},"b":"2"}}\n{}`,
    );
    const { headers } = decodeElement(redrivenElement(deadLetterElement(element, FACTS)));
    expect(headers['a']).toBeUndefined();
    expect(headers['b']).toBe('2');
    expect(JSON.parse(headers['dead-letter-history'] ?? '')).toEqual([
      { reason: 'rejected', error: 'Error', message: '', attempt: 1, at: 1 },
      { reason: 'handlerFailed', error: 'Error', message: 'no', attempt: 5, at: 1_000 },
    ]);
  });

  test('may be sent again any number of times: the header never grows too long', () => {
    const facts = { ...FACTS, error: { name: 'Error', message: '世'.repeat(10_000) } };
    let element = bytes(`{"rq":1,"id":"x","metadata":"${'x'.repeat(40_000)}"}\n{}`);
    for (let i = 0; i < 30; i += 1) element = redrivenElement(deadLetterElement(element, facts));
    expect(decodeElement(element)).toMatchObject({ id: 'x', body: bytes('{}') });
  });

  test('is sent again with added headers, which replace those of the same name', () => {
    const element = bytes(
      '{"rq":1,"id":"x","headers":{"a":"1","b":"世"},"n":12345678901234567890}\n{}',
    );
    const again = redrivenElement(deadLetterElement(element, FACTS), { b: 'Söhne "2"', c: '3' });
    const { headers } = decodeElement(again);
    expect(headers).toEqual({
      a: '1',
      b: 'Söhne "2"',
      c: '3',
      'dead-letter-history': expect.any(String),
    });
    expect(text(again)).toContain('12345678901234567890');
  });

  test('is sent again without them if they do not fit', () => {
    const element = bytes('{"rq":1,"id":"x"}\n{}');
    const again = redrivenElement(deadLetterElement(element, FACTS), { a: 'x'.repeat(70_000) });
    expect(Object.keys(decodeElement(again).headers)).toEqual(['dead-letter-history']);
  });
});
