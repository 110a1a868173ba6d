import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findExecutable } from './executable.js';
import { findRedisServer } from './find-redis-server.js';

describe('findRedisServer', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'find-redis-server-spec-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function writeServer(versionLine: string, mode = 0o755): Promise<string> {
    const file = join(folder, 'redis-server');
    await writeFile(file, `#!/bin/sh\necho '${versionLine}'\n`);
    await chmod(file, mode);
    return file;
  }

  test('takes the first server on the search path', async () => {
    const file = await writeServer('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0');

    const searchPath = [join(folder, 'missing'), folder, '/usr/bin'].join(delimiter);
    expect(await findRedisServer({ searchPath })).toBe(file);
  });

  test('accepts a major version of two digits', async () => {
    const file = await writeServer('Redis server v=10.0.0 sha=00000000:0');

    expect(await findRedisServer({ searchPath: folder })).toBe(file);
  });

  test('refuses a server that is too old and names its version', async () => {
    const file = await writeServer('Redis server v=6.0.16 sha=00000000:0');

    await expect(findRedisServer({ searchPath: folder })).rejects.toThrow(
      `${file} is too old: Redis 7.0 or newer is needed, got "Redis server v=6.0.16 sha=00000000:0"`,
    );
  });

  test('without a server and without apt-get, says how to get one', async () => {
    await writeServer('a file that is not executable', 0o644);

    const failure = expect(findRedisServer({ searchPath: folder })).rejects;
    await failure.toThrow('sudo apt-get install redis-server');
    const again = expect(findRedisServer({ searchPath: folder })).rejects;
    await again.toThrow(/brew install redis[^]*docker run[^]*REDIS_URL/);
  });

  describe('as root, with an apt-get that fails', () => {
    const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? test : test.skip;

    beforeEach(async () => {
      const aptGet = join(folder, 'apt-get');
      await writeFile(aptGet, '#!/bin/sh\necho "$1: no network"\nexit 100\n');
      await chmod(aptGet, 0o755);
      for (const name of ['flock', 'sh', 'cat', 'chmod', 'rm']) {
        const file = await findExecutable(name, process.env['PATH'] ?? '');
        await symlink(file ?? '', join(folder, name));
      }
    });

    asRoot('says what it said, and how to get a server in another way', async () => {
      await expect(findRedisServer({ searchPath: folder })).rejects.toThrow(
        /could not install redis-server[^]*install: no network[^]*brew install redis[^]*docker run/,
      );
    });

    asRoot('installs nothing where LOCAL_REDIS_INSTALL forbids it', async () => {
      const before = process.env['LOCAL_REDIS_INSTALL'];
      process.env['LOCAL_REDIS_INSTALL'] = 'no';
      try {
        const error = await findRedisServer({ searchPath: folder }).catch(String);
        expect(error).toMatch(/is not on the PATH/);
        expect(error).not.toMatch(/no network/);
      } finally {
        if (before === undefined) delete process.env['LOCAL_REDIS_INSTALL'];
        else process.env['LOCAL_REDIS_INSTALL'] = before;
      }
    });
  });
});
