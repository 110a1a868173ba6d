import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Values that a handler may throw although they cannot be shown: they have no text form, or reading them throws. */
const ODD: readonly (readonly [string, () => unknown])[] = [
  ['no text form', () => Object.assign(Object.create(null) as object, { n: 1n })],
  ['a message that is not text', () => Object.assign(new Error(), { message: { n: 1n } })],
  [
    'a name and a stack that are not text',
    () => Object.assign(new Error('no'), { name: 1n, stack: 1n }),
  ],
  ['a message that throws', () => withGetter('message')],
  ['a stack that throws', () => withGetter('stack')],
];

function withGetter(field: string): Error {
  return Object.defineProperty(new Error('no'), field, {
    enumerable: true,
    get: () => {
      throw new Error('Reading it failed.');
    },
  });
}

test.each(ODD)(
  'a value with %s is dead-lettered like every failure when a handler throws it',
  async (_, thrown) => {
    await rig.serve(
      {
        controllers: [
          controllerOf('work', (data) => {
            if (data === 'odd') throw thrown();
          }),
        ],
      },
      { retry: { attempts: 1 } },
    );
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', 'odd'));
    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1), 5_000);
  },
);

test.each(ODD)(
  'a value with %s is logged when a handler of live events throws it',
  async (_, thrown) => {
    const controller = eventControllerOf('event', () => {
      throw thrown();
    });
    const strategy = rig.strategy();
    await (await rig.microservice({ controllers: [controller] }, strategy)).listen();
    await lastValueFrom(rig.client().emit('event', 1));
    await eventually(() =>
      expect(rig.logs.matching('error', /^A handler of the event "event" failed/)).toHaveLength(1),
    );
    await strategy.close();
  },
);

test.each(ODD)(
  'a value with %s is reported to the caller when a handler throws it',
  async (_, thrown) => {
    await rig.serve({
      controllers: [
        controllerOf('work', () => {
          throw thrown();
        }),
      ],
    });
    const reply = lastValueFrom(rig.client({ requestTimeoutMs: 3_000 }).send('work', 1));
    await expect(reply).rejects.toMatchObject({ status: 'error' });
  },
);
