import { IncompleteError } from 'nestjs-redis-queue-transport';
import { resultOf, resultOfError, type SendResult } from '../support/ledger.js';

/** How a call that sends several messages ended for each of them. Never rejects. */
export async function resultsOfMany(call: Promise<unknown>, count: number): Promise<SendResult[]> {
  let failure: unknown;
  const ofAll = await resultOf(call, (error) => (failure = error));
  if (!(failure instanceof IncompleteError)) return Array<SendResult>(count).fill(ofAll);
  const results = Array<SendResult>(count).fill('confirmed');
  for (const { index, error } of failure.failures) results[index] = resultOfError(error);
  return results;
}
