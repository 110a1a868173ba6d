import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, serve } from 'vitepress';
import { deadLinks } from './links.js';
import { sitePages } from './pages.js';
import { writeReference } from './reference.js';

const usage = `npm run site -- [--serve] [--port N]

Builds the site from docs/ and the docstrings into dist/site, and checks every link in it. With --serve, it is served at
http://localhost:4173, or at the port N, until you press Ctrl-C.
`;
const repository = fileURLToPath(new URL('../../../', import.meta.url));
const sources = join(repository, 'dist/site-sources');
const site = join(repository, 'dist/site');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      serve: { type: 'boolean' },
      port: { type: 'string', default: '4173' },
      help: { type: 'boolean' },
    },
  });
  const port = Number(values.port);
  if (values.help === true || !Number.isInteger(port) || port < 0 || port > 65_535) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  await writeSources();
  await build(sources, { outDir: site });
  const dead = await deadLinks(site);
  if (dead.length > 0) {
    console.error(`${dead.length} links of the site lead nowhere:\n  ${dead.join('\n  ')}`);
    return 1;
  }
  console.log(`The site is in dist/site. To look at it: npm run site -- --serve`);
  if (values.serve === true) {
    await serve({ root: sources, port });
    console.log(`http://localhost:${port}`);
  }
  return 0;
}

async function writeSources(): Promise<void> {
  await rm(sources, { recursive: true, force: true });
  await rm(site, { recursive: true, force: true });
  const pages = await sitePages(repository);
  for (const { path, content } of pages) {
    await mkdir(dirname(join(sources, path)), { recursive: true });
    await writeFile(join(sources, path), content);
  }
  const entryPoints = await writeReference(repository, join(sources, 'api'));
  const index = pages.find(({ path }) => path === 'documentation.md');
  if (index === undefined) throw new Error('docs/README.md is missing.');
  const config = fileURLToPath(new URL('./config.js', import.meta.url));
  await mkdir(join(sources, '.vitepress'));
  await writeFile(
    join(sources, '.vitepress/config.mjs'),
    `import { siteConfig } from ${JSON.stringify(config)};\n` +
      `const config = siteConfig(${JSON.stringify(index.content)}, ${JSON.stringify(entryPoints)});\n` +
      `export default { ...config, outDir: ${JSON.stringify(site)} };\n`,
  );
}

process.exitCode = await main();
