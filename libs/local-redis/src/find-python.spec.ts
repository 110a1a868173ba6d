import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findPython } from './find-python.js';

describe('findPython', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'find-python-spec-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** A `python3` that can import what it is asked for, or cannot. */
  async function writePython(name: string, exitCode: number): Promise<string> {
    await mkdir(join(folder, name));
    const file = join(folder, name, 'python3');
    await writeFile(file, `#!/bin/sh\nexit ${exitCode}\n`);
    await chmod(file, 0o755);
    return file;
  }

  test('passes over a Python that lacks redis-py', async () => {
    await writePython('without', 1);
    const file = await writePython('with', 0);

    const searchPath = ['missing', 'without', 'with'].map((name) => join(folder, name));
    expect(await findPython({ searchPath: searchPath.join(delimiter) })).toBe(file);
  });

  test.each([true, false])(
    'where none will do and there is nothing to install with (%p), says how to get one',
    async (mayInstall) => {
      await writePython('without', 1);

      const searchPath = join(folder, 'without');
      await expect(findPython({ searchPath, mayInstall })).rejects.toThrow(
        /Cannot find Python 3 with redis-py[^]*sudo apt-get install python3 python3-redis/,
      );
    },
  );
});
