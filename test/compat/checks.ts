import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';
import type { Installation } from './installation.js';
import { writeProject } from './project-files.js';
import type { Json, ProjectFiles } from './project-files.js';
import { buildingTsconfig, checkingTsconfig } from './tsconfigs.js';
import type { Resolution } from './tsconfigs.js';
import { JEST_REQUIRES_ESM_FROM } from './version-sets.js';

/** One line of the report. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What the checks of an installation share. */
export interface Surroundings {
  /** The root of this repository. */
  readonly repository: string;
  readonly redisUrl: string;
  /** The path of each Node by its major version, including the one that runs this. */
  readonly nodes: ReadonlyMap<string, string>;
}

/**
 * With `nodenext` and without `exactOptionalPropertyTypes`, the suite is compiled as ES modules and as CommonJS anyway.
 */
const checkedTypes = [
  { resolution: 'node16', isExact: false },
  { resolution: 'nodenext', isExact: true },
  { resolution: 'bundler', isExact: true },
] as const;

/** All checks of one set of versions, in this order: a check may need what earlier ones built. */
export function checksOf(installation: Installation, surroundings: Surroundings): readonly Check[] {
  const projects = new Projects(installation, surroundings);
  const nodes = [...surroundings.nodes.keys()];
  return [
    { name: 'install without optional peers', run: () => installation.install() },
    ...checkedTypes.map(({ resolution, isExact }) => ({
      name: `types, ${resolution}${isExact ? ', exactOptionalPropertyTypes' : ''}`,
      run: () => projects.checkTypes(resolution, isExact),
    })),
    { name: 'compile as ES modules', run: () => projects.build('esm') },
    { name: 'compile as CommonJS', run: () => projects.build('cjs') },
    ...nodes.flatMap((node) => [
      { name: `ES modules on Node ${node}`, run: () => projects.start('esm', node) },
      { name: `CommonJS, require(), on Node ${node}`, run: () => projects.start('cjs', node) },
    ]),
    { name: 'ES modules with the lowest versions', run: () => projects.startLowest() },
    { name: 'Jest in CommonJS mode', run: () => projects.jest() },
    ...(installation.versions.vitest ? [{ name: 'Vitest', run: () => projects.vitest() }] : []),
    { name: 'the test kit, Jest in CommonJS mode', run: () => projects.kitWithJest() },
    ...(installation.versions.vitest
      ? [{ name: 'the test kit, Vitest', run: () => projects.kitWithVitest() }]
      : []),
    { name: 'nest build --webpack', run: () => projects.webpack() },
    { name: 'install optional peers', run: () => installation.installOptionalPeers() },
    { name: 'types of all entry points', run: () => projects.checkEntryTypes() },
    { name: 'load all entry points', run: () => projects.loadEntries() },
  ];
}

const SUITE = 'test/compat/project/suite.ts';
const PROGRAM = 'test/types/program.ts';
/** Users' tests, and the shop that they test. */
const EXAMPLES = 'examples/testing';
const SHOP = ['inventory', 'notification', 'orders'] as const;

/** `nest new` makes a CommonJS app with Nest 11, and one of ES modules with Nest 12. */
type ModuleKind = 'esm' | 'cjs';

class Projects {
  constructor(
    private readonly installation: Installation,
    private readonly surroundings: Surroundings,
  ) {}

  async checkTypes(resolution: Resolution, isExact: boolean): Promise<void> {
    const name = `types-${resolution}`;
    const directory = this.#write(name, {
      json: {
        'package.json': { type: 'module' },
        'tsconfig.json': checkingTsconfig(resolution, isExact, '*.ts'),
      },
      copies: { 'suite.ts': this.#file(SUITE) },
    });
    await this.#run(name, this.#tool('tsc'), ['-p', '.'], directory);
  }

  async build(kind: ModuleKind): Promise<void> {
    const directory = this.#write(kind, {
      json: {
        'package.json': kind === 'esm' ? { type: 'module' } : {},
        'tsconfig.json': buildingTsconfig(),
      },
      copies: { 'src/main.ts': this.#file(SUITE) },
    });
    await this.#run(kind, this.#tool('tsc'), ['-p', '.'], directory);
  }

  async start(kind: ModuleKind, node: string): Promise<void> {
    const program = ['--trace-uncaught', 'dist/main.js'];
    await this.#run(`${kind}-${node}`, this.#node(node), program, this.#directory(kind));
  }

  async startLowest(): Promise<void> {
    const directory = await this.installation.installLowest();
    copyFileSync(join(this.#directory('esm'), 'dist/main.js'), join(directory, 'main.js'));
    await this.#run('lowest', process.execPath, ['main.js'], directory);
  }

  /** With the settings of `nest new`, and what docs/compatibility.md adds to them. */
  jest(): Promise<void> {
    return this.#jest('jest', { 'suite.spec.ts': this.#file(SUITE) });
  }

  async kitWithJest(): Promise<void> {
    const spec = `${EXAMPLES}/jest/shop.spec.ts`;
    const sources = { 'jest/shop.spec.ts': this.#file(spec), ...this.#shop() };
    // The shop names compiled files, as ES modules do.
    const moduleNameMapper = { [String.raw`^(\.{1,2}/.*)\.js$`]: '$1' };
    await this.#jest('kit-jest', sources, { moduleNameMapper });
  }

  #shop(): Readonly<Record<string, string>> {
    const files = SHOP.map((name) => `shop/${name}.ts`);
    return Object.fromEntries(files.map((file) => [file, this.#file(`${EXAMPLES}/${file}`)]));
  }

  async #jest(
    name: string,
    sources: Readonly<Record<string, string>>,
    more: Readonly<Record<string, Json>> = {},
  ): Promise<void> {
    const { node, needsTransform } = this.#nodeForJest();
    const settings = {
      moduleFileExtensions: ['js', 'json', 'ts'],
      rootDir: 'src',
      testRegex: String.raw`.*\.spec\.ts$`,
      transform: { [String.raw`^.+\.(t|j)s$`]: 'ts-jest' },
      testEnvironment: 'node',
      ...more,
    };
    const ignored = [`node_modules/(?!${this.installation.library.name}/)`];
    const directory = this.#write(name, {
      json: {
        'package.json': {
          jest: needsTransform ? { ...settings, transformIgnorePatterns: ignored } : settings,
        },
        'tsconfig.json': buildingTsconfig({ types: ['jest', 'node'] }),
      },
      copies: Object.fromEntries(Object.entries(sources).map(([to, from]) => [`src/${to}`, from])),
    });
    const flags = needsTransform ? [] : ['--experimental-vm-modules'];
    const jest = join(directory, 'node_modules/jest/bin/jest.js');
    await this.#run(name, node, [...flags, jest], directory);
  }

  /**
   * Nest 12 consists of ES modules that cannot be transformed to CommonJS (`import.meta`), so its users need a Node in
   * which Jest loads them as they are. With Nest 11, only this package does, and it can be transformed.
   */
  #nodeForJest(): { readonly node: string; readonly needsTransform: boolean } {
    const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
    const [fromMajor, fromMinor] = JEST_REQUIRES_ESM_FROM;
    const isEnough = major > fromMajor || (major === fromMajor && minor >= fromMinor);
    if (isEnough) return { node: process.execPath, needsTransform: false };
    if (this.installation.versions.nest === '11')
      return { node: process.execPath, needsTransform: true };
    return { node: this.#node(String(fromMajor)), needsTransform: false };
  }

  vitest(): Promise<void> {
    return this.#vitest('vitest', { 'suite.spec.ts': this.#file(SUITE) });
  }

  kitWithVitest(): Promise<void> {
    const spec = this.#file(`${EXAMPLES}/vitest/shop.spec.mts`);
    return this.#vitest('kit-vitest', { 'vitest/shop.spec.mts': spec, ...this.#shop() });
  }

  async #vitest(name: string, sources: Readonly<Record<string, string>>): Promise<void> {
    const directory = this.#write(name, {
      json: { 'package.json': { type: 'module' }, 'tsconfig.json': buildingTsconfig() },
      text: {
        'vitest.config.js':
          "export default { test: { globals: true, root: './', include: ['**/*.spec.{ts,mts}'] } };\n",
      },
      copies: Object.fromEntries(Object.entries(sources).map(([to, from]) => [`src/${to}`, from])),
    });
    await this.#run(name, this.#tool('vitest'), ['run'], directory);
  }

  async webpack(): Promise<void> {
    const directory = this.#write('webpack', {
      json: {
        'package.json': {},
        'tsconfig.json': buildingTsconfig(),
        'tsconfig.build.json': { extends: './tsconfig.json' },
        'nest-cli.json': { collection: '@nestjs/schematics', sourceRoot: 'src' },
      },
      copies: { 'src/main.ts': this.#file(SUITE) },
    });
    await this.#run('webpack', this.#tool('nest'), ['build', '--webpack'], directory);
    await this.#run('webpack', process.execPath, ['dist/main.js'], directory);
  }

  async checkEntryTypes(): Promise<void> {
    const imports = this.installation.library.entries.map(
      (entry, index) => `export * as entry${index} from '${entry}';\n`,
    );
    // are-the-types-wrong has checked how each entry point is resolved in other ways.
    const directory = this.#write('entries', {
      json: {
        'package.json': { type: 'module' },
        'tsconfig.json': checkingTsconfig('nodenext', true, '*.ts'),
      },
      text: { 'entries.ts': imports.join('') },
      // It uses entry points with optional peers.
      copies: { 'program.ts': this.#file(PROGRAM) },
    });
    await this.#run('entry-types', this.#tool('tsc'), ['-p', '.'], directory);
  }

  async loadEntries(): Promise<void> {
    const { entries, bins } = this.installation.library;
    const { directory } = this.installation;
    const required = entries.map((entry) => `require(${JSON.stringify(entry)})`);
    const imported = entries.map((entry) => `import(${JSON.stringify(entry)})`);
    // One copy of each, no matter how it is loaded.
    const program = `Promise.all([${imported.join(', ')}]).then((imported) => {
      for (const [index, required] of [${required.join(', ')}].entries())
        for (const name of Object.keys(required))
          require('node:assert').equal(required[name], imported[index][name]);
    });`;
    const flags = ['--input-type=commonjs', '--eval', program];
    await this.#run('entries', process.execPath, flags, directory);
    for (const bin of bins) await this.#run('entries', this.#tool(bin), ['--help'], directory);
  }

  #write(name: string, files: ProjectFiles): string {
    const directory = this.#directory(name);
    writeProject(directory, files);
    return directory;
  }

  #directory(name: string): string {
    return join(this.installation.directory, name);
  }

  #file(path: string): string {
    return join(this.surroundings.repository, path);
  }

  #tool(name: string): string {
    return join(this.installation.directory, 'node_modules/.bin', name);
  }

  #node(major: string): string {
    const path = this.surroundings.nodes.get(major);
    if (path === undefined) throw new Error(`There is no Node ${major} here.`);
    return path;
  }

  async #run(log: string, command: string, args: readonly string[], cwd: string): Promise<void> {
    mkdirSync(join(this.installation.directory, 'logs'), { recursive: true });
    await run(command, args, {
      cwd,
      env: { REDIS_URL: this.surroundings.redisUrl, NO_COLOR: '1' },
      log: this.installation.log(join('logs', log)),
    });
  }
}
