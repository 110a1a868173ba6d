import type { DefaultTheme, UserConfig } from 'vitepress';
import { contents } from './contents.js';

/** How VitePress builds the pages. */
export function siteConfig(
  index: string,
  entryPoints: readonly string[],
): UserConfig<DefaultTheme.Config> {
  return {
    title: 'nestjs-redis-queue-transport',
    description:
      'A NestJS microservice transport on Redis in which nothing that was accepted is lost',
    cleanUrls: false,
    markdown: { anchor: { slugify: asGitHubDoes } },
    themeConfig: {
      search: { provider: 'local' },
      outline: { level: [2, 3] },
      nav: [
        { text: 'Documentation', link: '/documentation' },
        { text: 'API', link: '/api/' },
        { text: 'Changes', link: '/changelog' },
      ],
      sidebar: [
        ...contents(index).map(({ text, items }) => ({ text, items: [...items] })),
        { text: 'API', items: entryPoints.map((name) => ({ text: name, link: `/api/${name}/` })) },
      ],
    },
  };
}

/** The documents are read on GitHub too, so a heading must have the same address in both places. */
function asGitHubDoes(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}
