import { describeTally } from '../customers.js';

import type { Scene } from '../scene.js';
import { untilSettled } from '../settled.js';
import { check } from '../unexpected.js';

export async function sellInPeace({
  stage,
  customers,
  narrator,
  burst,
  signal,
}: Scene): Promise<void> {
  narrator.begin(
    `${burst} customers order by card`,
    'Each gets 202 (accepted) or 400 (invalid). An accepted order is confirmed in the end, or rejected if the stock ' +
      'is not sufficient. The payment provider leaves every fifth call without an answer: it is called again, ' +
      'and charges once.',
  );
  const orders = customers.burst(burst);
  await orders.answered;
  check(orders.tally.failed === 0, `${orders.tally.failed} orders got another answer`);
  await untilSettled(stage, signal);
  const calls = await stage.records.countChargeCalls();
  const charges = await stage.records.charges();
  check(new Set(charges).size === charges.length, 'a card was charged twice');
  narrator.saw(
    `${describeTally(orders.tally)}; all have ended. ${calls} calls to the payment provider for ${charges.length} charges.`,
  );
}
