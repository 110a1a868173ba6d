import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { inRepository } from './markdown.js';

/** What a CommonJS program prints that uses the output of `tsc -b`. */
async function printed(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=commonjs', '--eval', program],
    { cwd: inRepository('.') },
  );
  return stdout.trim();
}

test('CommonJS programs get the same library as ES modules, as the README says', async () => {
  const program = `
    const { RedisQueueServer } = require('nestjs-redis-queue-transport');
    const { msgpackCodec } = require('nestjs-redis-queue-transport/msgpack');
    import('nestjs-redis-queue-transport').then((imported) =>
      console.log(imported.RedisQueueServer === RedisQueueServer, msgpackCodec.name));`;

  expect(await printed(program)).toBe('true msgpack');
});
