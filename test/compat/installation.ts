import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';
import { checkContents } from './packed-library.js';
import type { PackedLibrary } from './packed-library.js';
import type { VersionSet } from './version-sets.js';

const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

/** A package and its version. */
type Entry = [string, string];

/** What `nest new` installs beside the library's peers to build and to test. */
const TOOLS_OF_NEST = ['cli', 'schematics', 'testing', 'platform-express'];
const JEST = { jest: '^30.0.0', 'ts-jest': '^29.4.0', '@types/jest': '^30.0.0' };
const VITEST = { vitest: '^4.1.0' };
/** Nest 11's command line brings most of it, Nest 12's asks for it. */
const WEBPACK = {
  webpack: '^5.105.0',
  'webpack-node-externals': '^3.0.0',
  'tsconfig-paths-webpack-plugin': '^4.2.0',
  'ts-loader': '^9.5.2',
  'fork-ts-checker-webpack-plugin': '^9.1.0',
};

/** A folder with the library and one set of versions, for several projects below it. */
export class Installation {
  readonly directory: string;

  constructor(
    parent: string,
    readonly library: PackedLibrary,
    readonly versions: VersionSet,
  ) {
    this.directory = join(parent, versions.name);
    mkdirSync(this.directory);
  }

  log(name: string): string {
    return join(this.directory, `${name}.log`);
  }

  /** The library and the peers that everybody needs, but none of the optional ones. */
  async install(): Promise<void> {
    const { library, versions, directory } = this;
    const peers = [...library.peers].map(([peer, range]): Entry => [
      peer,
      this.#versionOf(peer, range),
    ]);
    const tools = TOOLS_OF_NEST.map((tool): Entry => [`@nestjs/${tool}`, `^${versions.nest}.0.0`]);
    const manifest = {
      name: `compat-${versions.name}`,
      private: true,
      dependencies: Object.fromEntries([...peers, [library.name, `file:${library.tarball}`]]),
      devDependencies: Object.fromEntries([
        ...tools,
        ['typescript', versions.typescript],
        ['@types/node', '^20.19.0'],
        ...Object.entries({ ...JEST, ...WEBPACK, ...(versions.vitest ? VITEST : {}) }),
      ]),
    };
    writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest, undefined, 2));
    await this.#npmInstall();
    const present = [...library.optionalPeers.keys()].filter(
      (peer) => this.#has(peer) && !(peer in manifest.devDependencies),
    );
    if (present.length > 0)
      throw new Error(`installed without being asked for: ${present.join(', ')}`);
    checkContents(library, join(directory, 'node_modules', library.name));
  }

  /** A separate project with the lowest supported versions. Returns its folder. */
  async installLowest(): Promise<string> {
    const { library } = this;
    const directory = join(this.directory, 'lowest');
    mkdirSync(directory);
    const nest = library.peers.get('@nestjs/core') ?? '';
    const peers = [...library.peers, ['@nestjs/platform-express', nest] as const];
    const lowest = peers.map(([peer, range]): Entry => [
      peer,
      lowestOf(this.#versionOf(peer, range)),
    ]);
    const tarball: Entry = [library.name, `file:${library.tarball}`];
    const dependencies = Object.fromEntries([...lowest, tarball]);
    const manifest = { private: true, type: 'module', dependencies };
    writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
    await run('npm', ['install', ...QUIET], { cwd: directory, log: this.log('install-lowest') });
    return directory;
  }

  async installOptionalPeers(): Promise<void> {
    const peers = [...this.library.optionalPeers].map(
      ([peer, range]) => `${peer}@${this.#versionOf(peer, range)}`,
    );
    await this.#npmInstall(...peers);
  }

  #npmInstall(...packages: readonly string[]): Promise<string> {
    const options = { cwd: this.directory, log: this.log('install') };
    return run('npm', ['install', ...QUIET, ...packages], options);
  }

  #has(name: string): boolean {
    return existsSync(join(this.directory, 'node_modules', name));
  }

  /** The part of the peer's range for these versions. */
  #versionOf(peer: string, range: string): string {
    const major = this.#majorOf(peer);
    if (major === undefined) return range;
    const part = range.split(' || ').find((each) => each.startsWith(`^${major}.`));
    if (part === undefined) throw new Error(`${peer} ${major} is not among the peers: ${range}`);
    return part;
  }

  #majorOf(peer: string): string | undefined {
    if (peer.startsWith('@nestjs/')) return this.versions.nest;
    return peer === 'ioredis' ? this.versions.ioredis : undefined;
  }
}

/** Installs other versions of Node from npm. Returns the path of each by its major version. */
export async function installNodes(
  directory: string,
  majors: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(directory);
  const dependencies = majors.map((major): Entry => [`node-${major}`, `npm:node@${major}`]);
  const manifest = { private: true, dependencies: Object.fromEntries(dependencies) };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', ...QUIET], { cwd: directory, log: join(directory, 'install.log') });
  const paths = majors.map((major) => [
    major,
    join(directory, `node_modules/node-${major}/bin/node`),
  ]);
  return new Map(paths as [string, string][]);
}

/** `^1.2.3` allows `1.2.3` and later. */
function lowestOf(range: string): string {
  const version = /^\^(\d+\.\d+\.\d+)$/.exec(range)?.[1];
  if (version === undefined) throw new Error(`There is no lowest version of ${range} to be seen.`);
  return version;
}
