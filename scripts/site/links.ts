import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path/posix';

/** Links of a built site that lead nowhere: to no file, or to no heading in it. */
export async function deadLinks(site: string): Promise<readonly string[]> {
  const files = new Set(await readdir(site, { recursive: true }));
  const pages = [...files].filter((path) => path.endsWith('.html'));
  const texts = new Map<string, string>();
  for (const page of pages) texts.set(page, await readFile(join(site, page), 'utf8'));
  const ids = new Map([...texts].map(([page, text]) => [page, idsOf(text)]));

  const dead: string[] = [];
  for (const [page, text] of texts) {
    for (const link of linksOf(text)) {
      const [path = '', heading = ''] = link.split('#');
      const file = fileOf(page, path, files);
      if (file === undefined) dead.push(`${page}: ${link}`);
      else if (heading !== '' && ids.get(file)?.has(decodeURIComponent(heading)) === false) {
        dead.push(`${page}: ${link}`);
      }
    }
  }
  return dead.sort();
}

function linksOf(html: string): ReadonlySet<string> {
  const links = [...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, link = '']) => link);
  return new Set(links.filter((link) => link !== '' && !/^([a-z]+:|\/\/)/.test(link)));
}

function idsOf(html: string): ReadonlySet<string> {
  return new Set([...html.matchAll(/ id="([^"]*)"/g)].map(([, id = '']) => id));
}

function fileOf(page: string, path: string, files: ReadonlySet<string>): string | undefined {
  if (path === '') return page;
  const decoded = decodeURIComponent(path);
  const place = decoded.startsWith('/') ? decoded.slice(1) : join(dirname(page), decoded);
  return [place, `${place}.html`, join(place, 'index.html')].find(
    (file) => files.has(file) && !file.endsWith('/'),
  );
}
