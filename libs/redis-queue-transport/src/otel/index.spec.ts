import { expect, test } from '@jest/globals';
import * as otel from './index.js';

test('nothing is exported by accident', () => {
  expect(Object.keys(otel).sort()).toEqual([
    'observeQueues',
    'openTelemetryMetrics',
    'openTelemetryTraces',
  ]);
});
