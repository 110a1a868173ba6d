import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, jest, test } from '@jest/globals';
import { nestRig } from '../support/nest-rig.js';

jest.setTimeout(300_000);

const rig = nestRig();
const run = promisify(execFile);
let directory: string | undefined;

afterAll(async () => {
  if (directory !== undefined) await rm(directory, { recursive: true });
});

test('npx runs it in a project that has installed the package', async () => {
  // Below the root, so that its peers are found there.
  await mkdir(resolve('dist'), { recursive: true });
  directory = await mkdtemp(resolve('dist', 'packed-'));
  const pack = ['pack', '--workspace', 'nestjs-redis-queue-transport', '--ignore-scripts'];
  await run('npm', [...pack, '--pack-destination', directory]);
  const [tarball = ''] = await readdir(directory);
  await writeFile(join(directory, 'package.json'), '{ "name": "shop", "private": true }');
  const install = ['install', '--no-audit', '--no-fund', '--legacy-peer-deps', '--no-package-lock'];
  await run('npm', [...install, `./${tarball}`], { cwd: directory });
  await rig.client().enqueue('work', { n: 1 });
  const npx = async (...words: string[]): Promise<string> => {
    const env = { ...process.env, REDIS_URL: rig.redis.url };
    const all = ['--no-install', 'redis-queue', ...words];
    const { stdout } = await run('npx', all, { cwd: directory, env });
    return stdout;
  };

  expect(await npx('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(await npx('--help')).toContain('Begin with "redis-queue queues"');
  const peeked = await npx('peek', 'work', '--prefix', rig.prefix, '--json');
  expect(JSON.parse(peeked)).toMatchObject({ messages: [{ data: { n: 1 } }] });
  const doctor = npx('doctor', '--prefix', rig.prefix);
  await expect(doctor).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('wrong') });
});
