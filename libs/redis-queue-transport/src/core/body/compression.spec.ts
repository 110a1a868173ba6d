import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { compress, decompress } from './compression.js';
import { PayloadTooLargeError, UndecodableError } from '../errors/data-errors.js';

const MORE = 1_000_000;

describe('compression', () => {
  test.each([10, 1_000, 16_384, 16_385, 300_000])('makes %i bytes of text smaller', (length) => {
    const body = Buffer.from('{"a":"order"},'.repeat(length)).subarray(0, Math.max(length, 200));

    const zipped = compress(body);

    expect(zipped?.length).toBeLessThan(body.length * 0.9);
    expect(decompress(zipped!, 'gzip', MORE).equals(body)).toBe(true);
  });

  test.each([1, 100, 20_000, 300_000])('leaves %i random bytes alone', (length) => {
    expect(compress(randomBytes(length))).toBeUndefined();
  });

  test('leaves a body alone if it would save less than a tenth', () => {
    const body = Buffer.concat([randomBytes(100_000), Buffer.alloc(5_000)]);
    expect(compress(body)).toBeUndefined();
  });

  test('is not misled by a beginning that is unlike the rest', () => {
    expect(compress(Buffer.concat([randomBytes(8_192), Buffer.alloc(200_000)]))).toBeDefined();
  });
});

describe('a compressed body', () => {
  test('is unpacked up to the limit and no further', () => {
    const zipped = gzipSync(Buffer.alloc(1_000));

    expect(decompress(zipped, 'gzip', 1_000)).toEqual(Buffer.alloc(1_000));
    expect(() => decompress(zipped, 'gzip', 999)).toThrow(new PayloadTooLargeError(1_000, 999));
  });

  test('is bounded whatever size it claims', () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    bomb.writeUInt32LE(1, bomb.length - 4);

    const before = process.memoryUsage().arrayBuffers;
    expect(() => decompress(bomb, 'gzip', 100_000)).toThrow(
      new PayloadTooLargeError(100_001, 100_000),
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  test.each([
    ['nothing', Buffer.of()],
    ['something else', Buffer.from('{"a":1}')],
    ['cut', gzipSync(Buffer.alloc(1_000)).subarray(0, 15)],
  ])('is refused when it is %s', (_, body) => {
    expect(() => decompress(body, 'gzip', MORE)).toThrow(UndecodableError);
  });

  test('is refused if the compression is another one', () => {
    expect(() => decompress(Buffer.of(), 'zstd', MORE)).toThrow(/"zstd".*only gzip/);
  });
});
