import { boundedLength } from '../../core/admin/limit-state.js';
import { decodeElement } from '../../core/message/envelope.js';
import { printable } from '../../core/message/printable.js';
import type { LanesCheck, QueuedMessage } from '../../index.js';
import { knownCodecs } from '../connection/codecs.js';
import { counted, shellWord } from '../output/text.js';
import { durationText } from '../words/duration.js';
import type { Check, Patient, QueueState } from './check.js';
import { note, wrong } from './finding.js';
import type { Finding } from './finding.js';

/** Another consumer would have noticed a lease that ended this long ago. */
const NOTICED_MS = 120_000;
/** How many elements of each queue are read, and how many dead letters. */
const SAMPLE = 100;

function isServed({ consumers }: QueueState): boolean {
  return consumers.some(({ state }) => state === 'live');
}

function backlogText(lengths: QueueState['lengths'], what: string): string {
  const all = boundedLength(lengths);
  const [wait, are] = all === 1 ? ['waits', 'is'] : ['wait', 'are'];
  const { delayed } = lengths;
  if (delayed === 0) return `${counted(all, what)} ${wait}`;
  return `${counted(all, what)} ${delayed === all ? '' : `${wait} or `}${are} delayed`;
}

const unserved: Check = {
  name: 'queues without consumers',
  run: ({ queues }) =>
    queues.flatMap((queue) => {
      const { name, group, lengths } = queue;
      if (group !== undefined || boundedLength(lengths) === 0 || isServed(queue)) return [];
      return [
        wrong(
          'queue-unserved',
          `Nobody serves "${name}": ${backlogText(lengths, 'message')}.`,
          'They wait until a server with a @MessagePattern of this name starts.',
          'Start it. If it runs, compare pattern, prefix and Redis on both sides. If nobody needs the messages: redis-queue purge.',
          name,
        ),
      ];
    }),
};

const groupsUnserved: Check = {
  name: 'groups that nobody serves',
  run: ({ queues }) =>
    queues.flatMap((queue) => {
      const { name, group, lengths } = queue;
      if (group === undefined || isServed(queue)) return [];
      return [
        wrong(
          'group-unserved',
          `Nobody serves the group "${group.group}" of "${group.pattern}": ${backlogText(lengths, 'event')}.`,
          'It gets a copy of each event even while it does not run, so its queue grows without end.',
          `Start its servers, or end it: redis-queue retire ${shellWord(group.pattern)} ${shellWord(group.group)} --waiting keep.`,
          name,
        ),
      ];
    }),
};

const deadConsumers: Check = {
  name: 'lists of dead consumers',
  run: async (patient) => {
    const findings = patient.queues.flatMap((queue) => deadOf(queue, patient));
    const abandoned = await patient.inspection.abandoned();
    if (abandoned === undefined)
      findings.push(
        note(
          'not-looked-through',
          'Not checked: lists of consumers that no queue knows.',
          'The user of Redis may not look through the keys (+scan).',
          'Run the doctor once with a user that may.',
        ),
      );
    for (const { queue, consumer, key, held } of abandoned ?? [])
      findings.push(
        wrong(
          'abandoned',
          `"${queue}" does not know the consumer that holds ${counted(held, 'message')} in ${key}.`,
          'Nobody takes them back: somebody has removed keys by hand, or restored a part of them.',
          `Record the consumer with an ended lease: redis-cli ZADD ${shellWord(consumersOf(key, consumer))} 1 ${shellWord(consumer)}. Another consumer of the queue then takes them back.`,
          queue,
        ),
      );
    return findings;
  },
};

/** The key beside that list. */
function consumersOf(list: string, consumer: string): string {
  return `${list.slice(0, -`processing:${consumer}`.length)}consumers`;
}

function deadOf(queue: QueueState, { clock }: Patient): Finding[] {
  const { name, consumers } = queue;
  const nowMs = Date.now() + clock.aheadMs;
  const isTended = isServed(queue);
  const dead = consumers.filter(({ state, leaseEndsAt, held }) => {
    if (state !== 'ended') return false;
    const endedMs = nowMs - (leaseEndsAt?.getTime() ?? nowMs);
    return isTended ? endedMs > NOTICED_MS : held > 0;
  });
  if (dead.length === 0) return [];
  const held = dead.reduce((sum, consumer) => sum + consumer.held, 0);
  return [
    wrong(
      'dead-consumers',
      `${counted(dead.length, 'dead consumer')} of "${name}" still ${dead.length === 1 ? 'holds' : 'hold'} ${counted(held, 'message')}: ${dead[0]?.name}${dead.length > 1 ? ' …' : ''}.`,
      isTended
        ? 'The live consumers should have taken them back by now.'
        : 'They are handed out again once this queue has a live consumer.',
      isTended
        ? 'Check the log of the servers: Redis may refuse their calls.'
        : 'Start a server that serves this queue.',
      name,
    ),
  ];
}

const deadLetters: Check = {
  name: 'dead letters',
  run: async ({ queues, admin, clock, oldAfterMs }) => {
    const findings: Finding[] = [];
    for (const { name, lengths } of queues) {
      if (lengths.deadLettersDropped > 0)
        findings.push(
          wrong(
            'dead-letters-dropped',
            `${counted(lengths.deadLettersDropped, 'dead letter')} of "${name}" ${lengths.deadLettersDropped === 1 ? 'was' : 'were'} dropped, because of their age or number.`,
            'These messages are lost.',
            'Look at dead letters more often, or raise deadLetterMaxAgeMs and deadLetterLimit of its servers.',
            name,
          ),
        );
      if (lengths.dead === 0) continue;
      const { letters } = await admin.deadLetters(name, { limit: 1, withLarge: false });
      const diedMs = Number(letters[0]?.entry.split('-', 1)[0] ?? NaN);
      const ageMs = Date.now() + clock.aheadMs - diedMs;
      if (ageMs > oldAfterMs)
        findings.push(
          wrong(
            'old-dead-letters',
            `"${name}" has ${counted(lengths.dead, 'dead letter')}, the oldest ${durationText(ageMs)} old.`,
            'Dead letters are dropped for good after 14 days, unless its servers say otherwise (deadLetterMaxAgeMs).',
            `Find out why they died, fix that, and send them again: redis-queue dead list ${shellWord(name)}.`,
            name,
          ),
        );
    }
    return findings;
  },
};

const unreadable: Check = {
  name: 'elements that cannot be read',
  run: async ({ queues, admin }) => {
    const findings: Finding[] = [];
    const page = { limit: SAMPLE, withLarge: false };
    const known = new Set([
      'json',
      'raw',
      ...(await knownCodecs()).map(({ name: codec }) => codec),
    ]);
    const isOfUnknownCodec = (message: QueuedMessage): boolean => isForeign(message, known);
    const isUnreadable = (message: QueuedMessage): boolean =>
      message.unreadable !== undefined && !isOfUnknownCodec(message);
    for (const { name, lengths } of queues) {
      const waiting = lengths.waiting === 0 ? [] : await admin.peek(name, page);
      const dead = lengths.dead === 0 ? [] : (await admin.deadLetters(name, page)).letters;
      const odd = waiting.filter(isUnreadable);
      if (odd.length > 0)
        findings.push(
          wrong(
            'unreadable',
            `${odd.length} of the first ${counted(waiting.length, 'message')} of "${name}" cannot be read: ${odd[0]?.unreadable}`,
            'They will be dead-lettered when their turn comes. Their sender does not use this library, or uses another release of it.',
            `Look at their bytes: redis-queue peek ${shellWord(name)} --json. docs/wire-format.md describes elements.`,
            name,
          ),
        );
      const gone = dead.filter(isUnreadable);
      if (gone.length > 0)
        findings.push(
          wrong(
            'unreadable-dead',
            `${gone.length} of the oldest ${counted(dead.length, 'dead letter')} of "${name}" cannot be read: ${gone[0]?.unreadable}`,
            'If you send them again, they will die again.',
            `Look at their bytes: redis-queue dead list ${shellWord(name)} --json. Then delete them.`,
            name,
          ),
        );
      const coded = waiting.filter(isOfUnknownCodec);
      if (coded.length > 0)
        findings.push(
          note(
            'unknown-codec',
            `${coded.length} of the first ${counted(waiting.length, 'message')} of "${name}" use a codec that is not known here.`,
            'Servers that know it can read them.',
            'Nothing, if the servers have it in the option codec or codecs.',
            name,
          ),
        );
    }
    return findings;
  },
};

/** Whether it cannot be read here only because of its codec. */
function isForeign(
  { unreadable: why, element }: QueuedMessage,
  known: ReadonlySet<string>,
): boolean {
  if (why === undefined) return false;
  try {
    const codec = decodeElement(element).encoding?.codec;
    return codec !== undefined && !known.has(codec);
  } catch {
    return false; // its header cannot be read either
  }
}

const standstill: Check = {
  name: 'pauses and suspects',
  run: ({ queues }) =>
    queues.flatMap(({ name, lengths }) => {
      const findings: Finding[] = [];
      if (lengths.isPaused)
        findings.push(
          note(
            'paused',
            `"${name}" is paused: ${backlogText(lengths, 'message')}.`,
            'None of its messages is handed out. A pause does not end by itself.',
            `When it should end: redis-queue resume ${shellWord(name)}.`,
            name,
          ),
        );
      if (lengths.suspects > 0)
        findings.push(
          note(
            'suspects',
            `"${name}" has ${counted(lengths.suspects, 'suspect')}: running when a process died.`,
            'They run one by one, apart from the others. If they stay, processes keep dying, or a suspect hangs.',
            'See docs/failures.md, "Messages stay in suspects".',
            name,
          ),
        );
      return findings;
    }),
};

const keys: Check = {
  name: 'counts of keys',
  run: async ({ queues, admin }) => {
    const findings: Finding[] = [];
    for (const { name, lengths } of queues) {
      try {
        findings.push(...laneFindings(name, await admin.checkLanes(name)));
      } catch (error) {
        if (Reflect.get(Object(error), 'code') !== 'QUEUE_TOO_LONG') throw error;
        if (lengths.inLanes > 0)
          findings.push(
            note(
              'lanes-not-counted',
              `Not checked: whether the keys of "${name}" are counted right. It is too long for that.`,
              'If somebody has deleted or changed its lists by hand, some of its keys may wait for ever.',
              'Run the doctor again when fewer messages wait.',
              name,
            ),
          );
      }
    }
    return findings;
  },
};

function laneFindings(queue: string, { wrong: found, inLanes }: LanesCheck): readonly Finding[] {
  const [first] = found;
  const isTotalRight = inLanes.counted === inLanes.there;
  if (first === undefined && isTotalRight) return [];
  const what =
    first === undefined
      ? `"${queue}" has ${counted(inLanes.there, 'message')} in lanes, and ${inLanes.counted} are counted.`
      : `${counted(found.length, 'key')} of "${queue}" ${found.length === 1 ? 'is' : 'are'} counted wrong, such as ` +
        `"${printable(first.key)}": ${first.counted} counted, ${first.out} out, ${first.waiting} behind.`;
  return [
    wrong(
      'wrong-lanes',
      what,
      'Somebody has deleted or changed lists of the queue by hand. Keys that wait for nothing wait for ever.',
      `Correct it, while everything runs: redis-queue lanes ${shellWord(queue)} --repair.`,
      queue,
    ),
  ];
}

export const QUEUE_CHECKS: readonly Check[] = [
  unserved,
  groupsUnserved,
  deadConsumers,
  deadLetters,
  unreadable,
  standstill,
  keys,
];
