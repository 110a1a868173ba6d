import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';

const FOLDER = 'libs/redis-queue-transport';

/** What the checks need of the library's package.json. */
interface Manifest {
  readonly name: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<
    Record<string, string | { readonly types: string; readonly default: string }>
  >;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The library as it would be published. */
export interface PackedLibrary {
  readonly name: string;
  /** The path of the tarball. */
  readonly tarball: string;
  /** What users import: the package's name, and the names of its other entry points. */
  readonly entries: readonly string[];
  /** The names of its programs. */
  readonly bins: readonly string[];
  /** Peers that every user installs, with their ranges. */
  readonly peers: ReadonlyMap<string, string>;
  /** Peers of single entry points. */
  readonly optionalPeers: ReadonlyMap<string, string>;
  readonly manifest: Manifest;
}

/** Packs the library as `npm publish` would, and checks the result. */
export async function packLibrary(repository: string, directory: string): Promise<PackedLibrary> {
  const log = join(directory, 'pack.log');
  const folder = join(repository, FOLDER);
  await run('npm', ['pack', '--pack-destination', directory], { cwd: folder, log });
  const [file, ...more] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  if (file === undefined || more.length > 0)
    throw new Error(`npm pack made no single file: see ${log}`);
  const tarball = join(directory, file);
  const tool = (name: string): string => join(repository, 'node_modules/.bin', name);
  await run(tool('publint'), ['run', '--strict', tarball], { cwd: directory, log });
  // Only ES modules: what `node16` says about CommonJS is left out, and docs/compatibility.md says so.
  await run(tool('attw'), ['--profile', 'esm-only', '--no-color', tarball], {
    cwd: directory,
    log,
  });
  return describe(
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
    tarball,
  );
}

function describe(manifest: Manifest, tarball: string): PackedLibrary {
  const { name, exports, bin = {}, peerDependencies, peerDependenciesMeta } = manifest;
  const isOptional = (peer: string): boolean => peerDependenciesMeta[peer]?.optional === true;
  const peers = Object.entries(peerDependencies);
  return {
    name,
    tarball,
    entries: Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => join(name, entry)),
    bins: Object.keys(bin),
    peers: new Map(peers.filter(([peer]) => !isOptional(peer))),
    optionalPeers: new Map(peers.filter(([peer]) => isOptional(peer))),
    manifest,
  };
}

/** Throws if the installed package lacks a file that it names, or has files that only this repository needs. */
export function checkContents({ manifest }: PackedLibrary, installed: string): void {
  const named = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : [entry.types, entry.default],
  );
  const expected = [...named, ...Object.values(manifest.bin ?? {}), 'README.md', 'LICENSE'];
  const missing = expected.filter((path) => !existsSync(join(installed, path)));
  if (missing.length > 0) throw new Error(`missing in the package: ${missing.join(', ')}`);
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const needless = files.filter((path) =>
    /[.](spec|fake)[.]|[.]tsbuildinfo$|(?<![.]d)[.]ts$/.test(path),
  );
  if (needless.length > 0) throw new Error(`needless in the package: ${needless.join(', ')}`);
}
