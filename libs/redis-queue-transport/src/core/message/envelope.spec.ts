import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EncodedBody } from '../body/body.js';
import { deadLetterElement, redrivenElement } from './dead-letter.js';
import type { DeadLetterFacts } from './dead-letter.js';
import { decodeElement, encodeElement, withNextAttempt } from './envelope.js';
import { UndecodableError } from '../errors/data-errors.js';
import { MAX_HEADER_BYTES } from './header.js';

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

function text(element: string | Buffer): string {
  return element.toString();
}

describe('a header of the usual form', () => {
  /** The same message with an unknown field, so that it no longer has that form. */
  function unusual(element: Buffer): Buffer {
    return bytes(element.toString().replace('{"rq":1', '{"rq":1,"unknown":0'));
  }

  test.each([
    '{"rq":1,"id":"a.b-c:1","at":7}\n{}',
    '{"rq":1,"id":"","at":0}\n',
    '{"rq":1,"id":"a","at":7,"replyTo":"rq:{reply:x-1}:replies","re":3,"expiresAt":12}\n[1]\n',
  ])('is read like any other: %s', (element) => {
    expect(decodeElement(bytes(element))).toEqual(decodeElement(unusual(bytes(element))));
  });

  test.each([
    '{"rq":1,"id":"a","at":007}\n{}',
    '{"rq":1,"id":"a","at":7,"replyTo":"x"}\n{}',
    '{"rq":2,"id":"a","at":7}\n{}',
  ])('is refused if a field is wrong: %s', (element) => {
    expect(() => decodeElement(bytes(element))).toThrow(UndecodableError);
  });
});

describe('encodeElement', () => {
  test('writes one header line of JSON, a newline, and the body', () => {
    const element = encodeElement({ id: 'x1', sentAtMs: 7 }, '{"a":1}');
    expect(element).toBe('{"rq":1,"id":"x1","at":7}\n{"a":1}');
  });

  test('writes only the fields that are given', () => {
    const element = encodeElement(
      {
        id: 'x1',
        sentAtMs: 7,
        replyTo: { list: 'rq:{reply:a}', request: 3 },
        expiresAtMs: 9,
        headers: { tenant: 'a' },
        metadata: { trace: 1 },
      },
      '',
    );
    expect(text(element)).toBe(
      '{"rq":1,"id":"x1","at":7,"replyTo":"rq:{reply:a}","re":3,"expiresAt":9,' +
        '"headers":{"tenant":"a"},"metadata":{"trace":1}}\n',
    );
  });

  test('keeps a body of bytes as it is', () => {
    const body = Buffer.from([0, 10, 255]);
    const element = encodeElement({ id: 'x', sentAtMs: 1 }, body);
    expect(decodeElement(element as Buffer).body).toEqual(body);
  });

  test('is the inverse of decodeElement for any text and bytes', () => {
    const outgoing = fc.record({
      id: fc.string({ unit: 'binary', minLength: 1 }),
      sentAtMs: fc.nat(),
      replyTo: fc.option(fc.record({ list: fc.string({ unit: 'binary' }), request: fc.nat() }), {
        nil: undefined,
      }),
      expiresAtMs: fc.option(fc.nat(), { nil: undefined }),
      headers: fc.option(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(outgoing, fc.uint8Array(), (envelope, body) => {
        const decoded = decodeElement(encodeElement(envelope, Buffer.from(body)) as Buffer);
        expect(decoded).toMatchObject({
          id: envelope.id,
          sentAtMs: envelope.sentAtMs,
          replyTo: envelope.replyTo,
          expiresAtMs: envelope.expiresAtMs,
          attempt: 1,
          crashes: 0,
          body: Buffer.from(body),
        });
        expect({ ...decoded.headers }).toEqual({ ...envelope.headers });
      }),
    );
  });
});

describe('the codec of a body', () => {
  const body = Buffer.from([0xff, 0x0a, 0x00]);
  const element = encodeElement(
    { id: 'x', sentAtMs: 1, headers: { a: 'b' } },
    new EncodedBody(body, { codec: 'raw' }),
  ) as Buffer;

  test('stands in the header', () => {
    expect(element.toString('latin1')).toBe(
      '{"rq":1,"id":"x","at":1,"codec":"raw","headers":{"a":"b"}}\n\xff\n\0',
    );
    expect(decodeElement(element)).toMatchObject({ encoding: { codec: 'raw' }, body });
  });

  test('stays through a retry, a dead letter and a redrive', () => {
    const again = withNextAttempt(element, 'new');
    for (const later of [again, redrivenElement(deadLetterElement(again, FACTS))]) {
      expect(decodeElement(later)).toMatchObject({ encoding: { codec: 'raw' }, body });
    }
  });

  test('stands there together with the compression', () => {
    for (const encoding of [{ zip: 'gzip' }, { codec: 'raw', zip: 'gzip' }]) {
      const zipped = encodeElement({ id: 'x', sentAtMs: 1 }, new EncodedBody(body, encoding));
      const dead = deadLetterElement(withNextAttempt(zipped as Buffer, 'new'), FACTS);
      expect(decodeElement(redrivenElement(dead)).encoding).toEqual(encoding);
    }
  });

  test('must be a name', () => {
    expect(() => decodeElement(bytes('{"rq":1,"codec":7}\n'))).toThrow(UndecodableError);
  });
});

describe('decodeElement', () => {
  test.each([
    ['JSON', '{"a":1}'],
    ['JSON of several lines', '{\n "a": 1\n}'],
    ['a list', '[1]'],
    ['text', 'hello'],
    ['a line that looks like a header, without a body', '{"rq":1,"id":"x"}'],
    ['an object with "rq" elsewhere', '{"a":1,"rq":1}\n{}'],
    ['bytes', '\u0000\u0001\n'],
  ])('treats %s without a header as plain data', (_what, element) => {
    expect(decodeElement(bytes(element))).toMatchObject({
      id: undefined,
      attempt: 1,
      crashes: 0,
      headers: {},
      body: bytes(element),
    });
  });

  test('reads a header with spaces and unknown fields', () => {
    const element = bytes('{ "rq": 1, "id": "x", "new": [1] }\nbody');
    expect(decodeElement(element)).toMatchObject({ id: 'x', body: bytes('body') });
  });

  test.each([
    ['behind the version', '"crashes":2,"attempt":3,"parked":"a-1","id":"x"', [2, 3, 'a-1']],
    ['with nothing behind them', '"crashes":2', [2, 1, undefined]],
    ['in another order', '"attempt":3,"crashes":2,"id":"x"', [0, 3, undefined]],
    ['behind other fields', '"id":"x","crashes":2,"attempt":3,"parked":"a"', [0, 1, undefined]],
    ['with spaces', ' "crashes": 2, "attempt": 3', [0, 1, undefined]],
    ['twice', '"crashes":1,"attempt":2,"crashes":7,"attempt":9', [1, 2, undefined]],
    ['that are not whole numbers', '"crashes":1.5,"attempt":true', [0, 1, undefined]],
    [
      'with more digits than a number can have',
      `"crashes":${'9'.repeat(60)}`,
      [1_000_000, 1, undefined],
    ],
    ['below the first', '"attempt":0', [0, 1, undefined]],
    ['and a body with a name that is not ours', '"parked":"a b"', [0, 1, undefined]],
  ])('reads counts only where scripts do: %s', (_what, fields, expected) => {
    const { crashes, attempt, parked } = decodeElement(bytes(`{"rq":1,${fields}}\n`));
    expect([crashes, attempt, parked]).toEqual(expected);
  });

  test('reads a header of the maximum length, but no longer one', () => {
    const headerOf = (length: number): Buffer => {
      const [start, end] = ['{"rq":1,"metadata":"', '"}'];
      return bytes(start + 'x'.repeat(length - start.length - end.length) + end + '\nbody');
    };
    expect(decodeElement(headerOf(MAX_HEADER_BYTES)).body).toEqual(bytes('body'));
    expect(() => decodeElement(headerOf(MAX_HEADER_BYTES + 1))).toThrow(
      'The header line has 65537 bytes; at most 65536 are read.',
    );
  });

  test.each([
    ['"id":[[[1]]]', '"id" has an unusable value: a list.'],
    ['"id":{"a":1}', '"id" has an unusable value: an object.'],
    ['"at":1e400', '"at" has an unusable value: null.'],
    [
      '"replyTo":"l","re":12345678901234567890',
      '"re" has an unusable value: 12345678901234567000.',
    ],
    [`"id":${'['.repeat(30_000)}${']'.repeat(30_000)}`, '"id" has an unusable value: a list.'],
  ])('says what is wrong with %.40s', (fields, why) => {
    expect(() => decodeElement(bytes(`{"rq":1,${fields}}\n{}`))).toThrow(why);
  });

  test.each([
    ['nothing', '', 'is empty'],
    ['a header that is not JSON', '{"rq":1,\n{}', 'is not JSON'],
    ['another version', '{"rq":2,"id":"x"}\n{}', 'format version 2'],
    ['an invalid version', '{"rq":"1"}\n{}', 'format version "1"'],
    ['an id that is not text', '{"rq":1,"id":7}\n{}', '"id" has an unusable value: 7'],
    [
      'a version that is written differently',
      '{"rq":1.0,"id":"x"}\n{}',
      'does not begin with exactly {"rq":1',
    ],
    ['a version that is nested', `{"rq":[[2]]}\n{}`, 'format version a list'],
    ['headers that are not text', '{"rq":1,"headers":{"a":1}}\n{}', '"headers" has an unusable'],
    ['a reply list without a number', '{"rq":1,"replyTo":"l"}\n{}', 'lacks the number "re"'],
  ])('refuses %s', (_what, element, why) => {
    expect(() => decodeElement(bytes(element))).toThrow(UndecodableError);
    expect(() => decodeElement(bytes(element))).toThrow(why);
  });

  test('refuses a header line that is not UTF-8', () => {
    const element = Buffer.concat([
      bytes('{"rq":1,"id":"'),
      Buffer.from([0xc3]),
      bytes('"}\nbody'),
    ]);
    expect(() => decodeElement(element)).toThrow('not UTF-8');
  });
});

describe('a postponed message', () => {
  test.each([
    ['{"rq":1,"id":"a"}\n1', '{"rq":1,"attempt":2,"postponed":1,"id":"a"}\n1'],
    [
      '{"rq":1,"attempt":4,"parked":"7","postponed":2,"id":"a"}\n',
      '{"rq":1,"attempt":5,"parked":"7","postponed":3,"id":"a"}\n',
    ],
    ['plain', '{"rq":1,"attempt":2,"postponed":1,"id":"new"}\nplain'],
    // Anywhere else, the field belongs to another program.
    [
      '{"rq":1,"id":"a","postponed":9}\n1',
      '{"rq":1,"attempt":2,"postponed":1,"id":"a","postponed":9}\n1',
    ],
  ])('%j is counted behind the other counts', (before, after) => {
    const again = withNextAttempt(bytes(before), 'new', 1);
    expect(text(again)).toBe(after);
    expect(decodeElement(again).postponed).toBe(Number(/"postponed":(\d)/.exec(after)?.[1]));
  });

  test('keeps its count when it fails', () => {
    const failed = withNextAttempt(bytes('{"rq":1,"attempt":2,"postponed":1}\n1'), 'new');
    expect(text(failed)).toBe('{"rq":1,"attempt":3,"postponed":1}\n1');
  });
});

describe('withNextAttempt', () => {
  test.each([
    ['the first', '{"rq":1,"id":"x","at":7}\nb', '{"rq":1,"attempt":2,"id":"x","at":7}\nb'],
    ['a later one', '{"rq":1,"attempt":2,"id":"x"}\nb', '{"rq":1,"attempt":3,"id":"x"}\nb'],
    [
      'that of a suspect, which no longer is one',
      '{"rq":1,"crashes":2,"attempt":4,"id":"x"}\nb',
      '{"rq":1,"attempt":5,"id":"x"}\nb',
    ],
    [
      'one with spaces',
      '{"rq": 1 , "id": "x", "attempt": 2}\nb',
      '{"rq":1,"attempt":2, "id": "x", "attempt": 2}\nb',
    ],
    ['one without any field', '{"rq":1}\nb', '{"rq":1,"attempt":2}\nb'],
    [
      'that of a parked body',
      '{"rq":1,"attempt":2,"parked":"7","id":"x"}\n',
      '{"rq":1,"attempt":3,"parked":"7","id":"x"}\n',
    ],
    [
      'one with numbers, names and escapes that JavaScript writes differently',
      '{"rq":1,"7":1,"id":"\\u0078","n":12345678901234567890,"e":1e400,"s":"\\ud800","a":1,"a":2,"__proto__":{"a":1}}\nb',
      '{"rq":1,"attempt":2,"7":1,"id":"\\u0078","n":12345678901234567890,"e":1e400,"s":"\\ud800","a":1,"a":2,"__proto__":{"a":1}}\nb',
    ],
    ['that of plain data', '{"a":1}', '{"rq":1,"attempt":2,"id":"new"}\n{"a":1}'],
  ])('raises %s, and keeps the rest', (_what, before, after) => {
    expect(text(withNextAttempt(bytes(before), 'new'))).toBe(after);
  });

  test('raises that of a header that is nested too deeply to be written', () => {
    const rest = `,"metadata":${'['.repeat(20_000)}${']'.repeat(20_000)}}\nb`;
    expect(text(withNextAttempt(bytes(`{"rq":1${rest}`), 'new'))).toBe(
      `{"rq":1,"attempt":2${rest}`,
    );
  });

  test('keeps the bytes of the body', () => {
    const body = Buffer.from([0, 10, 255]);
    const element = Buffer.concat([bytes('{"rq":1,"id":"x"}\n'), body]);
    expect(decodeElement(withNextAttempt(element, 'new')).body).toEqual(body);
  });
});
