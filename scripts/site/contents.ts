interface Entry {
  readonly text: string;
  readonly link: string;
}

export interface Section {
  readonly text: string;
  readonly items: readonly Entry[];
}

/** The contents beside each page are the index of the documentation: its headings, and the links below each. */
export function contents(index: string): readonly Section[] {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      text: section.slice(0, section.indexOf('\n')).trim(),
      items: [...section.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(
        ([, text = '', target = '']) => ({
          text: capitalised(text.replaceAll('`', '')),
          link: `/${target.replace(/^[.]\//, '').replace(/(index)?[.]md/, '')}`,
        }),
      ),
    }));
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
