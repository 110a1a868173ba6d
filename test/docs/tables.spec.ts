import { beforeAll, describe, expect, test } from '@jest/globals';
import * as library from 'nestjs-redis-queue-transport';
import {
  RedisQueueAdmin,
  RedisQueueContext,
  RedisQueueError,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { EncodedBody } from '../../libs/redis-queue-transport/src/core/body/body.js';
import { deadLetterElement } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import {
  encodeElement,
  withNextAttempt,
} from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { Element } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { OBSERVED_EVENTS } from '../../libs/redis-queue-transport/src/core/lifecycle/observers.js';
import { setAside } from '../../libs/redis-queue-transport/src/core/message/set-aside.js';
import { encodeReply } from '../../libs/redis-queue-transport/src/core/message/reply.js';
import { SETTINGS } from '../../libs/redis-queue-transport/src/nest/packets/message-settings.js';
import {
  OPTIONS,
  OPTION_NAMES,
  isOf,
} from '../../libs/redis-queue-transport/src/nest/options/option-table.js';
import type { OptionName } from '../../libs/redis-queue-transport/src/nest/options/option-table.js';
import { DEFAULT_CONNECTION } from '../../libs/redis-queue-transport/src/open-broker.js';
import { Keys } from '../../libs/redis-queue-transport/src/redis/keys/keys.js';
import { readText, tableBelow } from './markdown.js';

let options: string;

beforeAll(async () => {
  options = await readText('docs/options.md');
});

/** The names in backquotes at the start of the cells of a column. */
function codeIn(rows: readonly string[][], column: number): string[] {
  return rows.map((row) => /^`([^`]+)`/.exec(row[column] ?? '')?.[1] ?? row[column] ?? '');
}

/** From option to default, as the tables of docs/options.md show it. */
function optionsBelow(...headings: string[]): Record<string, string> {
  const rows = headings.flatMap((heading) => tableBelow(options, heading));
  const defaults: Record<string, string> = {};
  for (const [name = '', value = ''] of rows)
    defaults[name.replaceAll('`', '')] = value.replaceAll('`', '');
  return defaults;
}

/** The same from the code. */
function shownDefaults(options: object, parent = ''): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [option, value] of Object.entries(options)) {
    const name = parent + option;
    if (name === 'connection')
      shown[name] = DEFAULT_CONNECTION; // options.spec.ts shows that it leads there
    else if (name === 'codec') shown[name] = (value as library.Codec).name;
    else if (Array.isArray(value) && value.length === 0) shown[name] = 'none';
    else if (name === 'once') shown['once.windowMs'] = 'none';
    else if (typeof value === 'object' && value !== null)
      Object.assign(shown, shownDefaults(value as object, `${name}.`));
    else shown[name] = shownDefault(option, value);
  }
  return shown;
}

function fallbacksOf(isMeant: (name: OptionName) => boolean): object {
  return Object.fromEntries(
    OPTION_NAMES.filter(isMeant).map((name) => [name, OPTIONS[name].fallback]),
  );
}

function shownDefault(option: string, value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'function') return value.name;
  if (typeof value !== 'number') return `${value as string}`; // the others are text, as the tables confirm
  if (!option.endsWith('Ms')) return `${value}`;
  const days = value / 86_400_000;
  return days >= 1 ? `${days} days` : `${value} ms`;
}

function methodsOf(type: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor');
}

/** The named parameters of a call in a table or a source, up to the first one that is destructured. */
function parameterNames(call: string): string[] {
  const named = /\(([^){=]*)/.exec(call)?.[1] ?? '';
  return named.match(/\w+/g)?.map(String) ?? [];
}

/** The calls in the table of docs/operations.md, by their method. */
async function adminCalls(): Promise<[method: string, call: string][]> {
  const rows = tableBelow(await readText('docs/operations.md'), 'Dead letters and queues');
  const cells = rows.map((row) => row[0] ?? '').join();
  return [...cells.matchAll(/`((\w+)\([^`]*)`/g)].map(([, call = '', method = '']) => [
    method,
    call,
  ]);
}

describe('the tables of the documents', () => {
  test.each<[string, (name: OptionName) => boolean]>([
    ['Of servers and clients', (name) => isOf(name, 'server') && isOf(name, 'client')],
    ['Of servers', (name) => isOf(name, 'server') && !isOf(name, 'client', 'message')],
    ['Of a handler', (name) => isOf(name, 'server') && isOf(name, 'message')],
    ['Of clients', (name) => isOf(name, 'client') && !isOf(name, 'server')],
  ])('list the options with their defaults: %s', (heading, isMeant) => {
    expect(optionsBelow(heading)).toEqual(shownDefaults(fallbacksOf(isMeant)));
  });

  test('leave none out: the others are only for handlers', () => {
    const names = OPTION_NAMES.filter((name) => !isOf(name, 'server', 'client'));
    const ofMessages = names.filter((name) => isOf(name, 'message'));
    expect(ofMessages).toEqual(['batch', 'perKey', 'feedFrom', 'limit', 'maxLength', 'order']);
    for (const name of ofMessages) expect(options).toMatch(new RegExp(`\`${name}[\`:]`));
    const ofEvents = names.filter((name) => !isOf(name, 'message'));
    expect(ofEvents).toEqual(['durable', 'history', 'onFull', 'from', 'key', 'recover']);
  });

  test('list the options of an event handler that no other handler has', async () => {
    const listed = codeIn(tableBelow(await readText('docs/events.md'), 'Options'), 0);
    const ofEvents = OPTION_NAMES.filter(
      (name) => isOf(name, 'durable', 'live') && !isOf(name, 'message'),
    );
    expect(listed.toSorted()).toEqual(ofEvents.toSorted());
  });

  test('say which options of a handler apply to live events', async () => {
    const shared = OPTION_NAMES.filter((name) => isOf(name, 'message') && isOf(name, 'live'));
    const taken = shared.map((name) => `\`${name}\``).join(', ');
    expect(await readText('docs/events.md')).toContain(`of those they take only ${taken}`);
  });

  test('list everything that observers hear', async () => {
    const page = await readText('docs/observers.md');
    const listed = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, method]) => method);
    expect(listed.toSorted()).toEqual([...OBSERVED_EVENTS].toSorted());
  });

  test('list every error with its code', async () => {
    const errors = Object.values(library).filter(
      (value): value is typeof RedisQueueError =>
        typeof value === 'function' &&
        // Its own prototype carries the mark that makes it an instance.
        value !== RedisQueueError &&
        value.prototype instanceof RedisQueueError,
    );
    const codes = errors.map((type) => {
      // The constructors differ, but the name and the code depend on no argument.
      const error = Reflect.construct(type, ['', '', '']) as RedisQueueError;
      return [error.name, error.code];
    });
    const page = await readText('docs/errors.md');
    const headings = ['At the start', 'Of calls', 'Of data', "Of a handler's signal"];
    const rows = headings.flatMap((heading) => tableBelow(page, heading));
    const listed = rows.map((row) => [codeIn([row], 0)[0], codeIn([row], 1)[0]]);
    expect(listed.toSorted()).toEqual(codes.toSorted());
  });

  test('list every method of the context', () => {
    const listed = codeIn(tableBelow(options, 'What a handler can ask'), 0);
    expect(listed).toEqual(methodsOf(RedisQueueContext).map((method) => `${method}()`));
  });

  test('list every setting of a message, how a record sets it, and the verbs that keep it', () => {
    const listed = tableBelow(options, 'Of one message').map(
      ([name = '', method = '', verbs = '']) => [
        name.replaceAll('`', ''),
        method.replaceAll('`', '').replace(/\(.*/, ''),
        verbs.replaceAll('`', ''),
      ],
    );
    expect(listed).toEqual(
      Object.entries(SETTINGS).map(([name, { method, verbs }]) => [name, method, verbs.join(', ')]),
    );
  });

  test('list every method of the record builder', () => {
    const listed = codeIn(tableBelow(options, 'Of one message'), 1);
    const own = ['build', 'toJSON']; // methods that make no setting
    const methods = methodsOf(RedisQueueRecordBuilder).filter((method) => !own.includes(method));
    expect(listed.map((call) => call.replace(/\(.*/, ''))).toEqual(methods);
  });

  test('list every method of the admin', async () => {
    const listed = (await adminCalls()).map(([method]) => method);
    const life = ['close', 'onApplicationShutdown'];
    const methods = methodsOf(RedisQueueAdmin).filter((method) => !life.includes(method));
    expect(listed.toSorted()).toEqual(methods.toSorted());
  });

  test('give the parameters of the admin in their order', async () => {
    for (const [method, call] of await adminCalls()) {
      const listed = parameterNames(call);
      const own = parameterNames(String(Reflect.get(RedisQueueAdmin.prototype, method)));
      const both = Math.min(listed.length, own.length); // some are options that the table or the source destructures
      expect([method, ...listed.slice(0, both)]).toEqual([method, ...own.slice(0, both)]);
    }
  });
});

test('docs/wire-format.md lists every key', async () => {
  const listed = codeIn(tableBelow(await readText('docs/wire-format.md'), 'Keys and channels'), 0);
  const keys = new Keys('rq');
  const { processing, wakeOf, lane, level, pace, ...queue } = keys.queue('mail.send');
  const { history, historyCount } = keys.history('user.created');
  expect(listed.toSorted()).toEqual(
    [
      ...Object.values(queue),
      processing('CONSUMER'),
      lane('KEY'),
      pace('KEY'),
      level(9),
      wakeOf('PROCESS'),
      keys.queues,
      keys.groups,
      keys.index('user.created').index,
      keys.wildcards.index,
      keys.wildcards.changes,
      keys.emitted('user.created'),
      history,
      historyCount,
      keys.told('user.created'),
      keys.replies('CLIENT'),
      keys.refusedOf(keys.replies('CLIENT')),
      keys.addedTo(keys.replies('CLIENT')),
      keys.parkedReply(keys.replies('CLIENT'), 'NAME'),
      keys.event('user.created'),
    ].toSorted(),
  );
});

test('docs/wire-format.md lists every field of a header and of a reply', async () => {
  const markdown = await readText('docs/wire-format.md');
  const body = new EncodedBody(Buffer.alloc(0), { codec: 'raw', zip: 'gzip' });
  const sent = encodeElement(
    {
      id: 'id',
      key: 'key',
      priority: 9,
      sentAtMs: 1,
      replyTo: { list: 'list', request: 1, waitMs: 1 },
      expiresAtMs: 1,
      headers: {},
      metadata: {},
      pattern: 'pattern',
    },
    body,
  );
  const facts = {
    reason: 'rejected',
    error: { name: '', message: '' },
    attempt: 1,
    queue: '',
    consumer: '',
    at: 1,
  };
  const again = withNextAttempt(Buffer.from('{"rq":1,"parked":"1"}\n'), 'id', 1);
  const suspect = '{"rq":1,"crashes":1}\n';
  const dead = deadLetterElement(Buffer.from(sent), facts);
  const unreadable = setAside(Buffer.from('{"rq":2}\n'), 'name', 'id').element;
  const reply = encodeReply({ request: 1, kind: 'error', last: true, body });

  const fieldsBelow = (heading: string): string[] => codeIn(tableBelow(markdown, heading), 0);
  const fields = new Set(
    [again, sent, suspect, dead, unreadable].flatMap((element) => Object.keys(headerOf(element))),
  );
  expect(fieldsBelow('The header').toSorted()).toEqual([...fields].toSorted());
  expect(fieldsBelow('Dead letters')).toEqual(Object.keys(headerOf(dead)['dead'] as object));
  expect(fieldsBelow('Replies')).toEqual(Object.keys(headerOf(reply)));
});

function headerOf(element: Element): Record<string, unknown> {
  return JSON.parse(element.toString().split('\n')[0] ?? '') as Record<string, unknown>; // as the library wrote it
}
