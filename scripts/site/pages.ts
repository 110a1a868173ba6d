import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path/posix';

/** A page of the site, or a file that a page shows. */
export interface SiteFile {
  /** Its path in the site's sources. */
  readonly path: string;
  /** The path in the repository from which its content comes. */
  readonly source: string;
  readonly content: string | Buffer;
}

/** Documents outside `docs/` that are pages too. */
const BESIDE_DOCS: Readonly<Record<string, string>> = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'RELEASE.md': 'release.md',
  'SECURITY.md': 'security-policy.md',
};
const LINK = /(\]\()([^)\s#]+)((?:#[^)\s]*)?\))/g;
const IMAGES = ['.svg', '.png'];
const LANGUAGES: Readonly<Record<string, string>> = { '.ts': 'ts', '.py': 'python', '.lua': 'lua' };

/** All pages of the site: the documents, the files that they link to, and the pictures that they show. */
export async function sitePages(repository: string): Promise<readonly SiteFile[]> {
  const found = new Map<string, SiteFile>();
  const queue = [...Object.keys(BESIDE_DOCS), ...(await documents(repository))];
  for (const source of queue) {
    if (found.has(source)) continue;
    const file = await siteFile(repository, source);
    if (file === undefined) continue;
    found.set(source, file);
    if (!source.endsWith('.md')) continue;
    for (const [, , target = ''] of String(file.content).matchAll(LINK)) {
      if (!isExternal(target)) queue.push(join(dirname(source), target));
    }
  }
  const pages = new Map([...found].map(([source, { path }]) => [source, path]));
  return [...found.values()].map((file) =>
    file.source.endsWith('.md') ? { ...file, content: relinked(file, pages) } : file,
  );
}

async function documents(repository: string): Promise<readonly string[]> {
  const paths = await readdir(join(repository, 'docs'), { recursive: true });
  return paths.filter((path) => path.endsWith('.md')).map((path) => join('docs', path));
}

async function siteFile(repository: string, source: string): Promise<SiteFile | undefined> {
  const place = join(repository, source);
  const found = await stat(place).catch(() => undefined);
  // A document may be missing; the check of the built site finds dead links.
  if (found === undefined) return undefined;
  if (found.isDirectory()) {
    const listing = await folderPage(place, source);
    return { path: join('sources', source, 'index.md'), source, content: listing };
  }
  const content = await readFile(place);
  if (IMAGES.includes(extname(source))) return { path: pathOf(source), source, content };
  if (source.endsWith('.md')) return { path: pathOf(source), source, content: String(content) };
  const language = LANGUAGES[extname(source)] ?? 'text';
  return {
    path: join('sources', `${source}.md`),
    source,
    content: `# ${source}\n\n\`\`\`\`${language}\n${String(content)}\`\`\`\`\n`,
  };
}

function pathOf(source: string): string {
  const path = BESIDE_DOCS[source] ?? source.replace(/^docs\//, '');
  // The front page is the project's README, so the index of the documentation has a name of its own.
  if (path === 'README.md') return 'documentation.md';
  return path.replace(/README[.]md$/, 'index.md');
}

async function folderPage(place: string, source: string): Promise<string> {
  const names = await readdir(place);
  const files = names.filter((name) => extname(name) in LANGUAGES).sort();
  const pages = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(join(place, name), 'utf8');
      return `## ${name}\n\n\`\`\`\`${LANGUAGES[extname(name)]}\n${text}\`\`\`\`\n`;
    }),
  );
  return [`# ${source}\n`, ...pages].join('\n');
}

/** Makes links lead from page to page of the site, wherever both are in the repository. */
function relinked(file: SiteFile, pages: ReadonlyMap<string, string>): string {
  return String(file.content).replaceAll(
    LINK,
    (link, open: string, target: string, rest: string) => {
      if (isExternal(target)) return link;
      const page = pages.get(join(dirname(file.source), target));
      if (page === undefined) return link;
      const way = relative(dirname(file.path), page);
      return `${open}${way.startsWith('.') ? way : `./${way}`}${rest}`;
    },
  );
}

function isExternal(target: string): boolean {
  return /^[a-z]+:/.test(target);
}
