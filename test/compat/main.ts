import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRedis } from 'local-redis';
import { checksOf } from './checks.js';
import type { Surroundings } from './checks.js';
import { Installation, installNodes } from './installation.js';
import { packLibrary } from './packed-library.js';
import type { PackedLibrary } from './packed-library.js';
import { otherNodes, versionSets } from './version-sets.js';
import type { VersionSet } from './version-sets.js';

const usage = `npm run test:compat -- [--set NAME]... [--keep]

Packs the library, installs the package into fresh projects with each set of versions of Nest and ioredis that it
supports, and runs one suite there: as ES modules and as CommonJS, on several versions of Node, under Jest and Vitest,
bundled by webpack, and with TypeScript's ways to resolve modules. About 5 minutes on two cores.

  --set    only this set: ${versionSets.map(({ name }) => name).join(', ')}
  --keep   leaves the projects and what was printed there
`;

/** As many sets at a time as most machines have cores for. */
const AT_A_TIME = 2;

const repository = fileURLToPath(new URL('../../../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      set: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  const names = values.set ?? versionSets.map(({ name }) => name);
  const sets = versionSets.filter(({ name }) => names.includes(name));
  if (values.help === true || sets.length < names.length) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  const directory = mkdtempSync(join(tmpdir(), 'compat-'));
  try {
    return (await tryAll(sets, directory)) ? 0 : 1;
  } finally {
    if (values.keep) console.log(`projects and logs: ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  }
}

async function tryAll(sets: readonly VersionSet[], directory: string): Promise<boolean> {
  const startedAt = performance.now();
  const library = await told('packed, publint and attw', () => packLibrary(repository, directory));
  const nodes = await told('Node from npm', () => nodesBeside(directory));
  const redis = await startRedis();
  try {
    const surroundings = { repository, redisUrl: redis.url, nodes };
    const rest = [...sets];
    const failed: string[] = [];
    const lane = async (): Promise<void> => {
      for (let set = rest.shift(); set !== undefined; set = rest.shift())
        failed.push(...(await trySet(set, directory, library, surroundings)));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lane));
    const took = `in ${seconds(performance.now() - startedAt)}`;
    console.log(failed.length === 0 ? `all passed ${took}` : `${failed.length} failed ${took}:`);
    for (const each of failed) console.log(`  ${each}`);
    return failed.length === 0;
  } finally {
    await redis.stop();
  }
}

/** This Node, and the others. */
async function nodesBeside(directory: string): Promise<ReadonlyMap<string, string>> {
  const own = process.versions.node.split('.')[0] ?? '';
  const others = otherNodes.filter((major) => major !== own);
  return new Map([
    [own, process.execPath],
    ...(await installNodes(join(directory, 'nodes'), others)),
  ]);
}

/** Returns what failed. */
async function trySet(
  versions: VersionSet,
  directory: string,
  library: PackedLibrary,
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const installation = new Installation(directory, library, versions);
  const failed: string[] = [];
  for (const check of checksOf(installation, surroundings)) {
    const name = `${versions.name}: ${check.name}`;
    try {
      await told(name, () => check.run());
    } catch (error) {
      failed.push(name);
      console.log(`FAILED ${name}\n${error instanceof Error ? error.message : String(error)}`);
      // Nothing else can succeed.
      if (check.name.startsWith('install')) break;
    }
  }
  return failed;
}

async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  console.log(`ok ${what} (${seconds(performance.now() - startedAt)})`);
  return result;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

process.exitCode = await main();
