import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EncodedBody } from '../body/body.js';
import { UndecodableError } from '../errors/data-errors.js';
import { decodeReply, encodeReply } from './reply.js';

describe('a reply', () => {
  test('is one header line and a body', () => {
    expect(encodeReply({ request: 7, kind: 'value', last: true, body: '"x"' })).toBe(
      '{"rq":1,"re":7,"last":true}\n"x"',
    );
    expect(encodeReply({ request: 7, kind: 'error', last: false, body: '' })).toBe(
      '{"rq":1,"re":7,"error":true}\n',
    );
  });

  test('comes back as it was sent', () => {
    const replies = fc.record({
      request: fc.nat(),
      kind: fc.constantFrom('value' as const, 'error' as const),
      last: fc.boolean(),
      body: fc.uint8Array().map((body) => Buffer.from(body)),
    });
    fc.assert(
      fc.property(replies, (reply) => {
        expect(decodeReply(Buffer.from(encodeReply(reply)))).toEqual({
          ...reply,
          encoding: undefined,
        });
      }),
    );
  });

  test('names the codec of its body', () => {
    const bytes = Buffer.from([0xff, 0x0a]);
    const body = new EncodedBody(bytes, { codec: 'raw' });
    const element = Buffer.from(encodeReply({ request: 7, kind: 'value', last: true, body }));
    expect(element.toString('latin1')).toBe('{"rq":1,"re":7,"last":true,"codec":"raw"}\n\xff\n');
    expect(decodeReply(element)).toMatchObject({
      last: true,
      encoding: { codec: 'raw' },
      body: bytes,
    });
  });

  test.each([
    [''],
    ['nothing'],
    ['{"rq":1}\n'],
    ['{"re":"7"}\n'],
    ['[]\n'],
    ['{"re":7\n'],
    ['{"re":7,"codec":1}\n'],
  ])('of another shape is refused: %j', (element) => {
    expect(() => decodeReply(Buffer.from(element))).toThrow(UndecodableError);
  });
});
