import { shown } from '../columns.js';
import type { Summary } from '../statistics.js';

export interface Bar {
  readonly label: string;
  readonly value: Summary;
  readonly isOurs: boolean;
}

const WIDTH = 760;
const ROW = 28;
const TOP = 52;
const LABELS = 250;
const VALUES = 90;
const INK = '#24292f';
const OURS = '#0b6e4f';
const OTHERS = '#8fa3b3';

/** A bar for each median, with a line for the spread of the rounds; a self-contained SVG file. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(({ value }) => value.most));
  const scale = (WIDTH - LABELS - VALUES) / longest;
  const height = TOP + bars.length * ROW + 12;
  const rows = bars.map((bar, row) => barRow(bar, TOP + row * ROW, scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}" font-family="system-ui, sans-serif" font-size="13" fill="${INK}">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="15" font-weight="600">${escape(title)}</text>
<text x="12" y="40" fill="#57606a">${escape(unit)}</text>
${rows.join('\n')}
</svg>
`;
}

function barRow({ label, value, isOurs }: Bar, y: number, scale: number): string {
  const { median, least, most } = value;
  const end = (figure: number): string => (LABELS + figure * scale).toFixed(1);
  const middle = y + 10;
  const weight = isOurs ? ' font-weight="600"' : '';
  return [
    `<text x="${LABELS - 10}" y="${y + 15}" text-anchor="end"${weight}>${escape(label)}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${(median * scale).toFixed(1)}" height="20" fill="${isOurs ? OURS : OTHERS}"/>`,
    `<line x1="${end(least)}" x2="${end(most)}" y1="${middle}" y2="${middle}" stroke="${INK}"/>`,
    `<text x="${Number(end(most)) + 8}" y="${y + 15}"${weight}>${shown(median)}</text>`,
  ].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
