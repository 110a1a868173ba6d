import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../places.js';
import type { Results } from '../results.js';
import { chartsOf } from './charts.js';
import { sectionsOf } from './sections.js';

/** Relative to the root of the repository. */
export const PAGES = [
  'docs/performance.md',
  'docs/performance/method.md',
  'docs/performance/figures.md',
] as const;
/** The folder as the first page links to it. */
const CHARTS = 'performance';

/** Writes the charts, and fills in the text between the markers of the pages. */
export async function writeReport(results: Results): Promise<void> {
  const charts = new URL(`docs/${CHARTS}/`, ROOT);
  await mkdir(charts, { recursive: true });
  for (const { file, svg } of chartsOf(results)) await writeFile(new URL(file, charts), svg);
  for (const path of PAGES) {
    const page = new URL(path, ROOT);
    await writeFile(page, await filled(await readFile(page, 'utf8'), results));
  }
}

/** A page with the sections of these results, formatted by Prettier. */
export async function filled(page: string, results: Results): Promise<string> {
  const sections = sectionsOf(results, CHARTS);
  const text = page.replaceAll(
    /(<!-- bench:(\w+) -->)[^]*?(<!-- \/bench -->)/g,
    (whole, begin: string, name: string, end: string) => {
      const section = sections.get(name);
      return section === undefined ? whole : `${begin}\n\n${section.trim()}\n\n${end}`;
    },
  );
  const config = await resolveConfig(fileURLToPath(new URL(PAGES[0], ROOT)));
  return format(text, { ...config, parser: 'markdown' });
}
