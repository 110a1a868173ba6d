import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A fenced block, and the comment `<!-- … -->` in the line above it that says what to check. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  readonly note: string | undefined;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The number of lines between the fences. */
  readonly lines: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

export function inRepository(path: string): string {
  return join(root, path);
}

export function readText(path: string): Promise<string> {
  return readFile(inRepository(path), 'utf8');
}

/** Every document that people read, by its path in the repository. */
export async function documents(): Promise<string[]> {
  const docs = await readdir(inRepository('docs'), { recursive: true });
  return [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'libs/redis-queue-transport/README.md',
    ...docs.filter((path) => path.endsWith('.md')).map((path) => `docs/${path}`),
  ].map((path) => path.split(sep).join('/'));
}

export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split('\n');
  let start: number | undefined;
  lines.forEach((line, index) => {
    if (!line.startsWith('```')) return;
    if (start === undefined) {
      start = index;
      return;
    }
    blocks.push({
      language: (lines[start] ?? '').slice(3).trim(),
      text: lines.slice(start + 1, index).join('\n'),
      note: /^<!-- (.*) -->$/.exec(noteLine(lines, start))?.[1],
      line: start + 1,
      lines: index - start - 1,
    });
    start = undefined;
  });
  return blocks;
}

/** Prettier puts an empty line between a comment and a fence. */
function noteLine(lines: readonly string[], start: number): string {
  const above = lines[start - 1] ?? '';
  return above === '' ? (lines[start - 2] ?? '') : above;
}

/** The rows of the table below a heading, without its head, as cells. */
export function tableBelow(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (from === -1) throw new Error(`There is no heading "${heading}".`);
  const first = lines.findIndex((line, index) => index > from && line.startsWith('|'));
  const end = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
  return lines.slice(first + 2, end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );
}

/**
 * The lines between `// #region NAME` and `// #endregion NAME` (in Python `# region NAME` and `# endregion NAME`),
 * without their common indentation.
 */
export function region(source: string, name: string): string {
  const lines = source.split('\n');
  const isMark = (line: string, word: string): boolean =>
    [`// #${word} ${name}`, `# ${word} ${name}`].includes(line.trim());
  const start = lines.findIndex((line) => isMark(line, 'region'));
  const end = lines.findIndex((line) => isMark(line, 'endregion'));
  if (start === -1 || end < start) throw new Error(`There is no region "${name}".`);
  const body = lines.slice(start + 1, end);
  const indents = body.filter((line) => line !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return body.map((line) => line.slice(indent)).join('\n');
}
