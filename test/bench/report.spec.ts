import { describe, expect, test } from '@jest/globals';
import { chartsOf } from '../../bench/src/report/charts.js';
import { PAGES, filled } from '../../bench/src/report/report.js';
import type { Results } from '../../bench/src/results.js';
import { readText } from '../docs/markdown.js';

const RESULTS = 'docs/performance/results.json';

describe('the pages about performance', () => {
  test.each(PAGES)('match the results of the run: %s', async (path) => {
    const page = await readText(path);
    const results = JSON.parse(await readText(RESULTS)) as Results;
    expect(await filled(page, results)).toBe(page);
  });

  test('show the charts of the results of the run', async () => {
    const results = JSON.parse(await readText(RESULTS)) as Results;
    for (const { file, svg } of chartsOf(results)) {
      expect(await readText(`docs/performance/${file}`)).toBe(svg);
    }
  });
});
