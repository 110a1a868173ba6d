import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EncodedBody } from './body.js';
import {
  deadLetterElement,
  decodeElement,
  encodeElement,
  readDeadLetter,
  redrivenElement,
  withNextAttempt,
} from './envelope.js';
import type { DeadLetterFacts } from './envelope.js';
import { UndecodableError } from './errors.js';

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
  /** The same message, with a field that nobody knows, so that it is not of that form. */
  function unusual(element: Buffer): Buffer {
    return bytes(element.toString().replace('{"rq":1', '{"rq":1,"unknown":0'));
  }

  test.each([
    '{"rq":1,"id":"a.b-c:1","at":7}\n{}',
    '{"rq":1,"id":"","at":0}\n',
    '{"rq":1,"id":"a","at":7,"replyTo":"rq:{reply:x-1}:replies","re":3,"expiresAt":12}\n[1]\n',
  ])('is read as any other: %s', (element) => {
    expect(decodeElement(bytes(element))).toEqual(decodeElement(unusual(bytes(element))));
  });

  test.each([
    '{"rq":1,"id":"a","at":007}\n{}',
    '{"rq":1,"id":"a","at":7,"replyTo":"x"}\n{}',
    '{"rq":2,"id":"a","at":7}\n{}',
  ])('is none where a field is wrong: %s', (element) => {
    expect(() => decodeElement(bytes(element))).toThrow(UndecodableError);
  });
});

describe('encodeElement', () => {
  test('writes one header line of JSON, a newline, and the body', () => {
    const element = encodeElement({ id: 'x1', sentAtMs: 7 }, '{"a":1}');
    expect(element).toBe('{"rq":1,"id":"x1","at":7}\n{"a":1}');
  });

  test('writes only what is there', () => {
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

  test('is the inverse of decodeElement, whatever the texts and bytes', () => {
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
    const dead = deadLetterElement(withNextAttempt(element, 'new'), FACTS);
    for (const later of [withNextAttempt(element, 'new'), dead, redrivenElement(dead)]) {
      expect(decodeElement(later)).toMatchObject({ encoding: { codec: 'raw' }, body });
    }
  });

  test('stands there with how it is compressed', () => {
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
    ['what looks like a header, without a body', '{"rq":1,"id":"x"}'],
    ['an object with "rq" elsewhere', '{"a":1,"rq":1}\n{}'],
    ['bytes', '\u0000\u0001\n'],
  ])('takes %s without a header for plain data', (_what, element) => {
    expect(decodeElement(bytes(element))).toMatchObject({
      id: undefined,
      attempt: 1,
      crashes: 0,
      headers: {},
      body: bytes(element),
    });
  });

  test('reads a header with spaces and unknown fields', () => {
    const element = bytes('{ "rq": 1, "id": "x", "attempt": 3, "crashes": 1, "new": [1] }\nbody');
    expect(decodeElement(element)).toMatchObject({
      id: 'x',
      attempt: 3,
      crashes: 1,
      body: bytes('body'),
    });
  });

  test.each([
    ['nothing', '', 'is empty'],
    ['a header that is no JSON', '{"rq":1,\n{}', 'is not JSON'],
    ['another version', '{"rq":2,"id":"x"}\n{}', 'format version 2'],
    ['a version that is none', '{"rq":"1"}\n{}', 'format version "1"'],
    ['an id that is no text', '{"rq":1,"id":7}\n{}', '"id" has an unusable value: 7'],
    [
      'an attempt that is no count',
      '{"rq":1,"attempt":1.5}\n{}',
      '"attempt" has an unusable value',
    ],
    ['headers that are no texts', '{"rq":1,"headers":{"a":1}}\n{}', '"headers" has an unusable'],
    ['a reply list without a number', '{"rq":1,"replyTo":"l"}\n{}', 'no number "re"'],
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

describe('withNextAttempt', () => {
  test.each([
    ['the first', '{"rq":1,"id":"x","at":7}\nb', '{"rq":1,"attempt":2,"id":"x","at":7}\nb'],
    ['a later one', '{"rq":1,"attempt":2,"id":"x"}\nb', '{"rq":1,"attempt":3,"id":"x"}\nb'],
    [
      'that of a suspect',
      '{"rq":1,"crashes":2,"attempt":4,"id":"x"}\nb',
      '{"rq":1,"crashes":2,"attempt":5,"id":"x"}\nb',
    ],
    [
      'one with spaces',
      '{"rq": 1, "id": "x", "attempt": 2}\nb',
      '{"rq":1,"attempt":3,"id":"x"}\nb',
    ],
    ['that of plain data', '{"a":1}', '{"rq":1,"attempt":2,"id":"new"}\n{"a":1}'],
  ])('raises %s, and keeps the rest', (_what, before, after) => {
    expect(text(withNextAttempt(bytes(before), 'new'))).toBe(after);
  });

  test('keeps the bytes of the body', () => {
    const body = Buffer.from([0, 10, 255]);
    const element = Buffer.concat([bytes('{"rq":1,"id":"x"}\n'), body]);
    expect(decodeElement(withNextAttempt(element, 'new')).body).toEqual(body);
  });
});

describe('a dead letter', () => {
  test('is the whole header with the facts, and the body', () => {
    const element = bytes('{"rq":1,"id":"x","at":7}\n{"a":1}');
    const letter = deadLetterElement(element, FACTS);
    expect(text(letter)).toBe(`{"rq":1,"id":"x","at":7,"dead":${JSON.stringify(FACTS)}}\n{"a":1}`);
    expect(readDeadLetter(letter)).toEqual({ facts: FACTS, original: element });
  });

  test.each([
    ['plain data', bytes('{"a":1}')],
    ['a header that cannot be read', bytes('{"rq":1,\nbody')],
    ['bytes', Buffer.from([0, 10, 255])],
    ['nothing', Buffer.alloc(0)],
  ])('of %s keeps the element byte for byte', (_what, element) => {
    expect(readDeadLetter(deadLetterElement(element, FACTS))).toEqual({
      facts: FACTS,
      original: element,
    });
  });

  test('is no dead letter without the facts', () => {
    expect(readDeadLetter(bytes('{"rq":1,"id":"x"}\n{}'))).toBeUndefined();
    expect(readDeadLetter(bytes('plain'))).toBeUndefined();
  });

  test('is sent again as a new message of the same id, with its history', () => {
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

  test('of plain data is sent again as it came', () => {
    const element = bytes('{"a":1}');
    expect(redrivenElement(deadLetterElement(element, FACTS))).toEqual(element);
  });
});
