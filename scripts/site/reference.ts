import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Application, type TypeDocOptions } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';

interface PackageFile {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
}

/**
 * Writes the API reference as pages, from the docstrings of everything that the package exports. Returns its entry
 * points.
 */
export async function writeReference(
  repository: string,
  folder: string,
): Promise<readonly string[]> {
  const library = join(repository, 'libs/redis-queue-transport');
  const entries = await entryPoints(library);
  const options: TypeDocOptions & Partial<PluginOptions> = {
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: entries.map(({ source }) => source),
    tsconfig: join(library, 'tsconfig.build.json'),
    out: folder,
    readme: 'none',
    entryFileName: 'index.md',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    // Docstrings that are inherited from it link to members that are not documented here.
    externalSymbolLinkMappings: { '@bull-board/api': { '*': '#' } },
    skipErrorChecking: true,
    logLevel: 'Warn',
    validation: { notExported: false, invalidLink: true, notDocumented: false },
    treatWarningsAsErrors: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    enumMembersFormat: 'table',
  };
  const app = await Application.bootstrapWithPlugins(options);
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the sources: see above.');
  for (const { name, source } of entries) {
    const module = project.children?.find(
      (child) => project.getSymbolIdFromReflection(child)?.fileName === source,
    );
    if (module !== undefined) module.name = name;
  }
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) {
    throw new Error('TypeDoc found something wrong with the docstrings: see above.');
  }
  return entries.map(({ name }) => name);
}

interface EntryPoint {
  /** The name by which it is imported. */
  readonly name: string;
  readonly source: string;
}

/** The entry points that `exports` in package.json names. */
async function entryPoints(library: string): Promise<readonly EntryPoint[]> {
  const text = await readFile(join(library, 'package.json'), 'utf8');
  const { name, exports } = JSON.parse(text) as PackageFile;
  return Object.entries(exports).flatMap(([path, entry]) =>
    typeof entry === 'string'
      ? []
      : [{ name: join(name, path), source: sourceOf(library, entry.types) }],
  );
}

function sourceOf(library: string, types: string): string {
  return join(library, types.replace('./dist/', 'src/').replace(/[.]d[.]ts$/, '.ts'));
}
