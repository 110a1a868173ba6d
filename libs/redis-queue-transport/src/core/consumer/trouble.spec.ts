import { beforeEach, describe, expect, test } from '@jest/globals';
import { RedisRefusedError, RedisUnavailableError } from '../errors/call-errors.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import { Trouble } from './trouble.js';
import type { TroubleEvents } from './trouble.js';

const full = new RedisRefusedError('OOM', 'Redis is full');
const forbidden = new RedisRefusedError('NOPERM', 'Redis forbids it');

let told: string[];
let trouble: Trouble;
let runtime: FakeRuntime;

beforeEach(() => {
  runtime = new FakeRuntime();
  told = [];
  const events: TroubleEvents = {
    failed: (error) => told.push(String(error)),
    recovered: () => told.push('recovered'),
  };
  trouble = new Trouble(events, runtime);
});

function refuseFor(ms: number, error: RedisRefusedError): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    runtime.advance(1_000);
    trouble.failed(error);
  }
}

describe('the trouble of a consumer', () => {
  test('tells each failure, and the first call that works afterwards', () => {
    trouble.succeeded();
    trouble.failed('a');
    trouble.failed('b');
    trouble.succeeded();
    trouble.succeeded();
    expect(told).toEqual(['a', 'b', 'recovered']);
  });

  test('has no refusal if Redis was away', () => {
    trouble.failed(new RedisUnavailableError('away'));
    expect(trouble.refusal).toBeUndefined();
  });

  test('knows since when Redis has refused calls, and the last refusal, even if other calls work', () => {
    trouble.failed(full);
    refuseFor(9_000, full);
    trouble.succeeded();
    refuseFor(1_000, forbidden);
    expect(trouble.refusal).toEqual({ sinceMs: 10_000, error: forbidden });
  });

  test('forgets a refusal if none follows for a while, and counts the next one anew', () => {
    trouble.failed(full);
    runtime.advance(5_001);
    expect(trouble.refusal).toBeUndefined();

    trouble.failed(full);
    refuseFor(2_000, full);
    expect(trouble.refusal).toEqual({ sinceMs: 2_000, error: full });
  });
});
