import { readFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisRig } from '../support/redis-rig.js';

/** The file to which a Redis adds what it does. Its tests share it. */
export class AppendOnlyFile {
  private constructor(
    private readonly path: string,
    /** How many bytes it had when this was made. */
    private readonly begin: number,
  ) {}

  static async of({ commands }: RedisRig): Promise<AppendOnlyFile> {
    const [, directory = ''] = await commands.config('GET', 'dir');
    const folder = join(String(directory), 'appendonlydir');
    const [name] = (await readdir(folder)).filter((one) => one.endsWith('.incr.aof'));
    if (name === undefined) throw new Error(`There is no such file in ${folder}.`);
    const path = join(folder, name);
    return new AppendOnlyFile(path, await sizeOf(path));
  }

  size(): Promise<number> {
    return sizeOf(this.path);
  }

  /**
   * Drops what was added behind so many bytes, and what that leaves incomplete. Returns as text what had been added since
   * this was made, and is left.
   */
  async cut(bytes: number): Promise<string> {
    const whole = (await readFile(this.path)).subarray(0, bytes);
    const end = endOfWholeCommands(whole);
    await truncate(this.path, end);
    return whole.toString('latin1', this.begin, end);
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** Behind the last command that is complete, or the last transaction. */
function endOfWholeCommands(file: Buffer): number {
  let [end, at, isInTransaction] = [0, 0, false];
  for (;;) {
    const command = wordsAt(file, at);
    if (command === undefined) return end;
    at = command.end;
    if (command.name === 'MULTI') isInTransaction = true;
    if (command.name === 'EXEC') isInTransaction = false;
    if (!isInTransaction) end = at;
  }
}

function wordsAt(file: Buffer, from: number): { name: string; end: number } | undefined {
  const count = lineAt(file, from);
  if (count === undefined) return undefined;
  let [at, name] = [count.end, ''];
  for (let word = 0; word < Number(count.text.slice(1)); word += 1) {
    const length = lineAt(file, at);
    if (length === undefined) return undefined;
    const end = length.end + Number(length.text.slice(1));
    if (end + 2 > file.length) return undefined;
    if (word === 0) name = file.toString('latin1', length.end, end).toUpperCase();
    at = end + 2;
  }
  return { name, end: at };
}

function lineAt(file: Buffer, from: number): { text: string; end: number } | undefined {
  const end = file.indexOf('\r\n', from);
  return end === -1 ? undefined : { text: file.toString('latin1', from, end), end: end + 2 };
}
