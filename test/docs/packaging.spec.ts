import { describe, expect, test } from '@jest/globals';
import { readText } from './markdown.js';

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

async function manifest(): Promise<Manifest> {
  return JSON.parse(await readText('libs/redis-queue-transport/package.json')) as Manifest;
}

describe('the package', () => {
  test('says what it is, for whom, and under which licence', async () => {
    const { description, keywords, license, engines, author } = await manifest();

    expect(description).toEqual(expect.stringMatching(/NestJS .* Redis/));
    expect(keywords).toEqual(expect.arrayContaining(['nestjs', 'redis', 'queue']));
    expect({ license, engines }).toEqual({ license: 'MIT', engines: { node: '>=20.19' } });
    expect(await readText('LICENSE')).toContain(String(author));
    expect(await readText('libs/redis-queue-transport/LICENSE')).toBe(await readText('LICENSE'));
  });

  test('installs nothing but peers, and runs nothing when it is installed', async () => {
    const { dependencies, scripts, files } = await manifest();

    expect(dependencies).toBeUndefined();
    expect(Object.keys(scripts as object)).toEqual(['prepack']);
    expect(files).toEqual(expect.arrayContaining(['dist', 'README.md', 'LICENSE']));
  });

  test('requires the versions that docs/compatibility.md names', async () => {
    const { peerDependencies } = await manifest();
    const nest = ['common', 'core', 'microservices'].map(
      (name) => peerDependencies[`@nestjs/${name}`],
    );

    expect(new Set(nest)).toEqual(new Set(['^11.1.4 || ^12.0.1']));
    expect(peerDependencies['ioredis']).toBe('^5.11.0 || ^6.0.0');
    const page = await readText('docs/compatibility.md');
    expect(page).toMatch(/\| Nest +\| 11\.1\.4 and later, 12\.0\.1 and later /);
    expect(page).toMatch(/\| ioredis +\| 5\.11 and later, 6 /);
    expect(page).toMatch(/\| Node +\| 20\.19 and later /);
  });
});

describe('the changelog', () => {
  test('begins with unreleased changes, and dates every release', async () => {
    const headings = [...(await readText('CHANGELOG.md')).matchAll(/^## (.*)$/gm)].map(
      ([, text]) => text,
    );

    expect(headings[0]).toBe('Unreleased');
    for (const heading of headings.slice(1))
      expect(heading).toMatch(/^\d+\.\d+\.\d+ - (\d{4}-\d{2}-\d{2}|not published)$/);
  });

  test('has a section for the version of the package', async () => {
    const { version } = await manifest();

    expect(await readText('CHANGELOG.md')).toContain(`\n## ${version} - `);
    const lock = JSON.parse(await readText('package-lock.json')) as {
      packages: Readonly<Record<string, { version?: string }>>;
    };
    expect(lock.packages['libs/redis-queue-transport']?.version).toBe(version);
  });
});

test('the workflow runs the gate on each Node that npm run test:compat tries, with the oldest Redis and the newest', async () => {
  const workflow = await readText('.github/workflows/gate.yml');

  expect(workflow).toContain("node: ['20', '22', '24']");
  expect(workflow).toContain("redis: ['7.0', 'newest']");
  expect(workflow).toMatch(/^ +- run: \.ci\/run$/m);
  expect(await readText('test/compat/version-sets.ts')).toContain(
    "otherNodes: readonly string[] = ['22', '24']",
  );
});
