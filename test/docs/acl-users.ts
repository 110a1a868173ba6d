import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocalRedis } from 'local-redis';
import { codeBlocks, readText } from './markdown.js';

const PAGE = 'docs/permissions.md';

/** Runs the commands of the page that set up users, except for those of other pages. */
export async function pasteUsers(redis: LocalRedis, ...users: string[]): Promise<void> {
  for (const text of await shellBlocks()) {
    if (!users.includes(userOf(text))) continue;
    const line = text.replace('redis-cli', `redis-cli -p ${redis.port}`);
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    if (stdout.trim() !== 'OK') throw new Error(`redis-cli printed ${stdout}`);
  }
}

/** The rules that the page gives a user, one by one. A selector is one rule, in parentheses. */
export async function rulesOf(user: string): Promise<string[]> {
  const texts = (await shellBlocks()).filter((text) => userOf(text) === user);
  return texts.flatMap((text) => {
    const [, rules = ''] = /ACL SETUSER \S+ ([^]*)\nEND$/.exec(text) ?? [];
    return rules.match(/\([^)]*\)|\S+/g) ?? [];
  });
}

async function shellBlocks(): Promise<string[]> {
  const blocks = codeBlocks(await readText(PAGE));
  return blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
}

function userOf(text: string): string {
  return /ACL SETUSER (\S+)/.exec(text)?.[1] ?? '';
}
