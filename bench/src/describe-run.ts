import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import { findRedisServer } from 'local-redis';
import { needsInstall, type ContestantInfo, type ServerKind } from './contestants.js';
import { ROOT } from './places.js';
import type { RunDescription } from './results.js';
import { rivalVersions } from './rivals.js';
import { findProgram } from './servers/program.js';

/** The machine, versions and options of a run, as far as they affect the figures. */
export async function describeRun(
  given: readonly string[],
  contestants: readonly ContestantInfo[],
): Promise<RunDescription> {
  const found = cpus();
  const [loadAverage = 0] = loadavg();
  return {
    date: new Date().toISOString(),
    command: ['npm run bench --', ...given].join(' '),
    machine: {
      cpu: found[0]?.model.trim() ?? 'unknown',
      cores: found.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      loadAverageBefore: loadAverage,
    },
    versions: await versionsOf(contestants),
  };
}

const PROGRAMS = {
  redis: 'redis-server',
  nats: 'nats-server',
  rabbitmq: 'rabbitmq-server',
} as const;

async function versionsOf(contestants: readonly ContestantInfo[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = { node: process.versions.node };
  for (const kind of new Set(contestants.map(({ server }) => server))) {
    versions[PROGRAMS[kind]] = await serverVersion(kind).catch(() => 'not here');
  }
  for (const name of ['@nestjs/microservices', 'ioredis']) {
    const text = await readFile(new URL(`node_modules/${name}/package.json`, ROOT), 'utf8');
    versions[name] = (JSON.parse(text) as { readonly version: string }).version;
  }
  if (contestants.some(needsInstall)) Object.assign(versions, await rivalVersions());
  return versions;
}

async function serverVersion(kind: ServerKind): Promise<string> {
  const versionIn = async (file: string, given: string): Promise<string> => {
    const { stdout, stderr } = await promisify(execFile)(file, [given]);
    return /v=?(\d[\w.-]*)/.exec(stdout + stderr)?.[1] ?? 'unknown';
  };
  switch (kind) {
    case 'redis':
      return versionIn(await findRedisServer(), '--version');
    case 'nats':
      return versionIn(await findProgram('nats-server'), '--version');
    case 'rabbitmq': {
      await findProgram('rabbitmq-server');
      const { stdout } = await promisify(execFile)('dpkg-query', [
        '-W',
        '-f=${Version}',
        'rabbitmq-server',
      ]);
      return stdout;
    }
  }
}
