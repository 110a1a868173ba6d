import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { BrokenEngine, Edit } from './engines.js';

/** Where npm and Jest run everything. */
const ROOT = `${process.cwd()}/`;
const SOURCES = 'libs/redis-queue-transport/src';
/** Nothing else is needed for a simulation. */
const FOLDERS = [`${SOURCES}/core`, `${SOURCES}/memory`, 'test/simulation'];

/** Compiles the engine and the simulation into an empty folder. Types are not looked at: that was done before. */
export async function compileEngine(folder: string): Promise<void> {
  const names = await Promise.all(FOLDERS.map((name) => sourcesIn(join(ROOT, name))));
  for (const path of names.flat()) {
    const text = await readFile(path, 'utf8');
    await write(folder, path.slice(ROOT.length), text);
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}

/** A copy of a compiled engine, with a mistake. @throws if the text that it replaces is not there exactly once */
export async function compileBroken(
  compiled: string,
  folder: string,
  engine: BrokenEngine,
): Promise<void> {
  await cp(compiled, folder, { recursive: true });
  const files = new Map<string, string>();
  for (const edit of engine.edits) {
    const text = files.get(edit.file) ?? (await readFile(join(ROOT, SOURCES, edit.file), 'utf8'));
    files.set(edit.file, edited(text, edit, engine));
  }
  for (const [file, text] of files) await write(folder, join(SOURCES, file), text);
}

function edited(text: string, { file, find, replace }: Edit, { name }: BrokenEngine): string {
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`${name}: ${file} has this text ${count} times: ${find}`);
  return text.replace(find, () => replace);
}

async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => name.endsWith('.ts') && !/\.(spec|fake)\.ts$/.test(name))
    .map((name) => join(folder, name));
}

async function write(folder: string, source: string, text: string): Promise<void> {
  const path = join(folder, source.replace(/\.ts$/, '.js'));
  await mkdir(dirname(path), { recursive: true });
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
    },
  });
  await writeFile(path, outputText);
}
