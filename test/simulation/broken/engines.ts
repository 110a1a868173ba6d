/** One piece of source text, which must be found exactly once, and what is put in its place. */
export interface Edit {
  /** In `libs/redis-queue-transport/src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The engine with one mistake. */
export interface BrokenEngine {
  readonly name: string;
  /** What it does wrong, for the table in the documents. */
  readonly mistake: string;
  readonly edits: readonly Edit[];
}

export const BROKEN_ENGINES: readonly BrokenEngine[] = [
  {
    name: 'settles-without-lease',
    mistake: 'Settles and takes without the lease.',
    edits: [
      {
        file: 'memory/lease/exchange.ts',
        find: `if (!queue.consumers.has(consumer)) return 'leaseLost';`,
        replace: `if (consumer === '') return 'leaseLost';`,
      },
    ],
  },
  {
    name: 'starts-on-ended-lease',
    mistake: 'Takes every lease that it has had for certain.',
    edits: [
      {
        file: 'core/lease/lease-keeper.ts',
        find: 'return now < this.#sureUntil && !this.#mayHaveSlept(now);',
        replace: 'return now >= 0;',
      },
    ],
  },
  {
    name: 'resends-a-push',
    mistake: 'Sends a message again after an unknown outcome, without deduplication.',
    edits: [
      {
        file: 'memory/link/contact.ts',
        find: 'return await this.#follow(this.link.call(action, () => this.store.run(command)));',
        replace: `const again = () => this.#follow(this.link.call(action, () => this.store.run(command)));
          return await again().catch(async (error: unknown) => {
            if (action !== 'hold a message') throw error;
            await this.link.ready(60_000);
            return again();
          });`,
      },
    ],
  },
  {
    name: 'forgets-a-stray',
    mistake: 'Does not look for what a lost answer left in its list.',
    edits: [
      {
        file: 'memory/lease/memory-lease.ts',
        find: 'if (this.#mustCompare && !this.#wait.isRunning) await this.#returnStrays();',
        replace: '',
      },
    ],
  },
  {
    name: 'reclaims-a-live-consumer',
    mistake: 'Takes back from consumers that are a little late.',
    edits: [
      {
        file: 'core/lease/ended-leases.ts',
        find: '(this.#sightings.get(consumer)?.leftMs ?? 1) <= 0',
        replace: '(this.#sightings.get(consumer)?.leftMs ?? 1) <= CERTAIN_PART * this.leaseMs',
      },
    ],
  },
  {
    name: 'hanging-suspect-blocks',
    mistake: 'A suspect that hangs stops its consumer.',
    edits: [
      {
        file: 'core/consumer/trial.ts',
        find: 'const ALONE_MS = 2_000;',
        replace: 'const ALONE_MS = 86_400_000;',
      },
    ],
  },
  {
    name: 'releases-while-paused',
    mistake: 'Releases due messages while the queue is paused.',
    edits: [
      {
        file: 'memory/queue/delays.ts',
        find: 'queue.isPaused ? 0 : ',
        replace: '',
      },
    ],
  },
  {
    name: 'drops-a-settlement',
    mistake: 'Forgets the settlements of a call whose answer was lost.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'if (!tenure.isOver) this.parts.held.putBack(settlements);',
        replace: '',
      },
    ],
  },
  {
    name: 'hang-blocks-suspects',
    mistake: 'A handler that hangs keeps suspects from ever running.',
    edits: [
      {
        file: 'core/consumer/trial.ts',
        find: 'const EMPTYING_MS = 5_000;',
        replace: 'const EMPTYING_MS = 86_400_000;',
      },
    ],
  },
  {
    name: 'believes-one-look',
    mistake: 'Believes one look at a clock that was set: reclaims healthy consumers.',
    edits: [
      {
        file: 'core/lease/ended-leases.ts',
        find: 'return doubtful.filter(({ consumer }) => (this.#sightings.get(consumer)?.leftMs ?? 1) <= 0);',
        replace: 'return doubtful.filter(({ endsAtMs }) => endsAtMs < nowMs);',
      },
    ],
  },
  {
    name: 'no-start-gate',
    mistake: 'Asks for the lease when it takes, and not before each start.',
    edits: [
      {
        file: 'core/lease/start-gate.ts',
        find: 'if (this.#isTurning || this.#began >= this.#most) return this.#hold();',
        replace: 'if (this.#most > 0) return true;',
      },
    ],
  },
  {
    name: 'starts-too-many',
    mistake: 'Starts everything that it holds at once.',
    edits: [
      {
        file: 'core/held/held.ts',
        find: 'this.#running.size < Math.min(this.bounds.concurrency, this.#limit)',
        replace: 'this.#running.size < Math.min(this.bounds.prefetch, this.#limit)',
      },
    ],
  },
  {
    name: 'takes-too-many',
    mistake: 'Takes as many as it may hold, whatever it holds already.',
    edits: [
      {
        file: 'core/held/held.ts',
        find: 'Math.min(this.bounds.prefetch, this.#limit) - held',
        replace: 'Math.min(this.bounds.prefetch, this.#limit - held)',
      },
    ],
  },
  {
    name: 'ignores-late-takes',
    mistake: 'Looks at no list of a fenced consumer.',
    edits: [
      {
        file: 'core/lease/lease-keeper.ts',
        find: 'for (const consumer of await this.#findLateTakes(fenced)) await this.#reclaimOne(consumer);',
        replace: 'await this.#findLateTakes(fenced);',
      },
    ],
  },
  {
    name: 'forgets-lane-of-dead',
    mistake: 'A dead letter does not let the next of its key go on.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: `new Set(['ack', 'skip', 'deadLetter'])`,
        replace: `new Set(['ack', 'skip'])`,
      },
    ],
  },
  {
    name: 'forgets-lane-of-expired',
    mistake: 'A message that has expired keeps the place of its key.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: `new Set(['ack', 'skip', 'deadLetter'])`,
        replace: `new Set(['ack', 'deadLetter'])`,
      },
    ],
  },
  {
    name: 'forgets-lane-of-suspect',
    mistake: 'A message that is handled after a crash keeps the place of its key.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (ENDS.has(settlement.kind)) endStay(queue, held);',
        replace: `if (ENDS.has(settlement.kind) && !held.includes('"crashes"')) endStay(queue, held);`,
      },
    ],
  },
  {
    name: 'retry-lets-pass',
    mistake: 'While a message pauses for a retry, the next of its key passes.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (ENDS.has(settlement.kind)) endStay(queue, held);',
        replace: `if (ENDS.has(settlement.kind) || (settlement.kind === 'retry' && settlement.delayMs > 0))
        endStay(queue, held);`,
      },
    ],
  },
  {
    name: 'crash-lets-pass',
    mistake: 'A crash lets the next of a key pass.',
    edits: [
      {
        file: 'memory/lease/reclaim.ts',
        find: `import { parkedIfLarge } from '../queue/large-elements.js';`,
        replace: `import { parkedIfLarge } from '../queue/large-elements.js';
import { endStay } from '../queue/lanes.js';`,
      },
      {
        file: 'memory/lease/reclaim.ts',
        find: 'queue.processing.delete(consumer);',
        replace: `queue.processing.delete(consumer);
  if (leaseEnd !== undefined) for (const element of held) endStay(queue, element);`,
      },
    ],
  },
  {
    name: 'due-passes',
    mistake: 'A delayed message that is due passes others of its key.',
    edits: [
      {
        file: 'memory/queue/delays.ts',
        find: 'if (key === undefined || wasOut === true || goesOut(queue, key)) return false;',
        replace: `if (key === undefined || wasOut === true || goesOut(queue, key)) return false;
  queue.lanes.out.set(key, (queue.lanes.out.get(key) ?? 0) + 1);
  if (queue.lanes.out.size > 0) return false;`,
      },
    ],
  },
  {
    name: 'lane-from-the-end',
    mistake: 'The latest message of a key goes on first.',
    edits: [
      {
        file: 'memory/store/lanes.ts',
        find: 'return this.#takeAt(key, 0);',
        replace: 'return this.#takeAt(key, -1);',
      },
    ],
  },
  {
    name: 'claims-while-paused',
    mistake: 'Claims suspects of a paused queue, and gives them up at once.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'return state.isConsuming && (trial.isOn || !state.isPaused) ? trial.passingStep : undefined;',
        replace: 'return state.isConsuming ? trial.passingStep : undefined;',
      },
    ],
  },
  {
    name: 'crash-keeps-places',
    mistake: 'A crashed consumer keeps a place of the limit after it was taken back from.',
    edits: [
      {
        file: 'memory/lease/limited-taking.ts',
        find: 'running - this.#held() - this.#kept()',
        replace: 'running - this.#held() - this.queue.fenced.size - this.#kept()',
      },
    ],
  },
  {
    name: 'limit-of-its-own',
    mistake: 'A limit counts what its consumer holds, and not what others hold.',
    edits: [
      {
        file: 'memory/lease/limited-taking.ts',
        find: 'running - this.#held() - this.#kept()',
        replace: 'running - this.queue.heldBy(this.consumer).length - this.#kept()',
      },
    ],
  },
  {
    name: 'waits-past-the-limit',
    mistake: 'What a consumer has waited for starts whatever the limit says.',
    edits: [
      {
        file: 'memory/lease/blocking-wait.ts',
        find: 'if (taking.mayWaitFor(1) === 0) {',
        replace: 'if (taking.mayWaitFor(1) < 0) {',
      },
    ],
  },
  {
    name: 'waits-beside-the-rate',
    mistake: 'What a consumer has waited for does not count by rate.',
    edits: [
      {
        file: 'memory/lease/blocking-wait.ts',
        find: 'if (element !== undefined) taking.count(1);',
        replace: '',
      },
    ],
  },
  {
    name: 'rate-without-pace',
    mistake: 'After a rest, as many start at once as the rate allows for all of its time.',
    edits: [
      {
        file: 'core/broker/limit.ts',
        find: 'const BURST_PART = 1 / 10;',
        replace: 'const BURST_PART = 1;',
      },
    ],
  },
  {
    name: 'suspects-past-the-limit',
    mistake: 'Suspects run beside the limit.',
    edits: [
      {
        file: 'memory/lease/limited-taking.ts',
        find: 'this.isSuspectHeldBack = this.#isSlowed || this.#allowed(1) === 0;',
        replace: 'this.isSuspectHeldBack = this.#isSlowed;',
      },
    ],
  },
  {
    name: 'forgets-slow-down',
    mistake: 'A queue that was slowed down goes on.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (settlement.slowsQueue === true) slowDown(queue, nowMs, delayMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'keeps-what-it-holds',
    mistake: 'A consumer that hears that its queue was slowed down starts what it holds already.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'if (holdback.isSlowed && !wasSlowed) this.interrupt();',
        replace: '',
      },
      {
        file: 'core/consumer/taking.ts',
        find: `this.parts.holdback.hearSlowDown();
    this.interrupt();`,
        replace: 'this.parts.holdback.hearSlowDown();',
      },
      {
        file: 'core/consumer/taking.ts',
        find: 'return state.isConsuming && !state.isPaused && !holdback.isSlowed;',
        replace: 'return state.isConsuming && !state.isPaused;',
      },
    ],
  },
  {
    name: 'full-and-deaf',
    mistake: 'A consumer without room hears nothing of a slow-down until a handler ends.',
    edits: [
      {
        file: 'core/consumer/consumer-parts.ts',
        find: `if (news === 'slowed') this.taking.hearSlowDown();`,
        replace: '',
      },
    ],
  },
  {
    name: 'starts-one-more',
    mistake:
      'A consumer whose own handler has slowed its queue down starts the next message first.',
    edits: [
      {
        file: 'core/held/deliveries.ts',
        find: `if (end.kind === 'postpone' && end.slowsQueue === true) this.owner.slowDown();`,
        replace: '',
      },
    ],
  },
  {
    name: 'starts-what-it-prepares',
    mistake:
      'What waits for an answer of Redis before it starts does so in a queue that was slowed down.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'return state.isConsuming && !state.isPaused && !holdback.isSlowed;',
        replace: `return state.isConsuming && !state.isPaused && !holdback.isSlowed;
  }

  get mayGoOn(): boolean {
    return this.parts.state.isConsuming;`,
      },
      {
        file: 'core/consumer/consumer-parts.ts',
        find: 'slowDown: () => taking().hearSlowDown(),',
        replace: `slowDown: () => taking().hearSlowDown(),
      get mayGoOn() {
        return taking().mayGoOn;
      },`,
      },
      {
        file: 'core/held/preparation.ts',
        find: 'this.consumer.mayStart;',
        replace: 'this.consumer.mayGoOn;',
      },
    ],
  },
  {
    name: 'believes-an-old-reply',
    mistake: 'After the news of a slow-down, a consumer believes a reply from before it.',
    edits: [
      {
        file: 'core/consumer/holdback.ts',
        find: `if (this.#doubt === 'asked') this.#doubt = 'none';`,
        replace: `this.#doubt = 'none';`,
      },
    ],
  },
  {
    name: 'bound-without-lanes',
    mistake: 'A bound does not count what waits in lanes.',
    edits: [
      {
        file: 'memory/queue/bound.ts',
        find: 'delayed.length + lanes.waiting',
        replace: 'delayed.length + 0 * lanes.waiting',
      },
    ],
  },
  {
    name: 'bound-without-delayed',
    mistake: 'A bound does not count delayed messages.',
    edits: [
      {
        file: 'memory/queue/bound.ts',
        find: 'delayed.length + lanes.waiting',
        replace: '0 * delayed.length + lanes.waiting',
      },
    ],
  },
  {
    name: 'adds-what-it-refuses',
    mistake: 'A refused message is added.',
    edits: [
      {
        file: 'memory/queue/add-message.ts',
        find: `if (isFull(queue)) return 'full';`,
        replace: `if (isFull(queue)) {
    enter(queue, element);
    return 'full';
  }`,
      },
    ],
  },
  {
    name: 'key-takes-too-many',
    mistake: 'One more of a key goes out than may run at once.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'if (out >= limit.running || rests.has(key)) return false;',
        replace:
          'if ((limit.running > 1 ? out - 1 : out) >= limit.running || rests.has(key)) return false;',
      },
    ],
  },
  {
    name: 'bound-without-levels',
    mistake: 'A bound does not count what waits by priority.',
    edits: [
      {
        file: 'memory/queue/bound.ts',
        find: 'return listed + levels.waiting',
        replace: 'return listed + 0 * levels.waiting',
      },
    ],
  },
  {
    name: 'count-without-levels',
    mistake: 'Tools count only messages of the usual priority.',
    edits: [
      {
        file: 'memory/admin/lengths.ts',
        find: 'waiting: queue.waiting.length + queue.levels.waiting,',
        replace: 'waiting: queue.waiting.length,',
      },
    ],
  },
  {
    name: 'starves-the-lower',
    mistake: 'Lower priorities wait as long as a higher one has some.',
    edits: [
      {
        file: 'memory/queue/levels.ts',
        find: 'if (Number.isInteger(turns)) level =',
        replace: 'if (turns < 0) level =',
      },
    ],
  },
  {
    name: 'lower-too-often',
    mistake: 'Every second message is of a lower priority.',
    edits: [
      {
        file: 'core/message/priority.ts',
        find: 'export const LOWER_EVERY = 10;',
        replace: 'export const LOWER_EVERY = 2;',
      },
    ],
  },
  {
    name: 'forgets-the-lowest',
    mistake: 'The lowest priority is never taken.',
    edits: [
      {
        file: 'memory/queue/levels.ts',
        find: 'Array.from({ length: HIGHEST_PRIORITY + 1 }',
        replace: 'Array.from({ length: HIGHEST_PRIORITY }',
      },
    ],
  },
  {
    name: 'level-from-the-end',
    mistake: 'The latest message of a priority is taken first.',
    edits: [
      {
        file: 'memory/queue/levels.ts',
        find: ': levels.take(level, headOf(order));',
        replace: `: levels.take(level, 'right');`,
      },
    ],
  },
  {
    name: 'retry-to-a-lower-level',
    mistake: 'A retry goes back to a lower priority.',
    edits: [
      {
        file: 'memory/store/stored-queue.ts',
        find: 'const level = priorityOf(element);',
        replace: `const isRetried = element.includes('"attempt"') && priorityOf(element) > USUAL_PRIORITY;
    const level = priorityOf(element) - (isRetried ? 1 : 0);`,
      },
    ],
  },
  {
    name: 'stays-in-front',
    mistake: 'A message that came while nothing waited stays in front of others.',
    edits: [
      {
        file: 'memory/store/stored-queue.ts',
        find: 'if (first === undefined || level === USUAL_PRIORITY) return;',
        replace: 'if (first === undefined || level !== Infinity) return;',
      },
    ],
  },
  {
    name: 'passes-one-in-front',
    mistake:
      'A message that comes back passes one of a higher priority that came while nothing waited.',
    edits: [
      {
        file: 'memory/store/stored-queue.ts',
        find: 'this.recall(order);',
        replace: '',
      },
    ],
  },
  {
    name: 'due-pass-each-other',
    mistake: 'While higher ones wait, the latest of the messages that are due comes first.',
    edits: [
      {
        file: 'memory/queue/delays.ts',
        find: 'const isEnd = most > 0 && goesToEnd(queue, order);',
        replace: 'const isEnd = most > 0 && goesToEnd(queue, order) && most < 0;',
      },
    ],
  },
  {
    name: 'rate-of-a-free-key',
    mistake: 'A message that finds its key free does not count by the rate of the key.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'if (isTooEarly(queue, key, paceOf(limit))) return false;',
        replace: '',
      },
    ],
  },
  {
    name: 'lane-beside-the-rate',
    mistake: 'What leaves a lane does not count by the rate of its key.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'if (isTooEarly(queue, key, pace)) break;',
        replace: '',
      },
    ],
  },
  {
    name: 'rests-for-ever',
    mistake: 'A key that has waited for its rate does not go on.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'for (const key of isStill ? [] : over.slice(0, MOST_GOING_ON)) endRest(queue, key);',
        replace: '',
      },
    ],
  },
  {
    name: 'forgets-slow-key',
    mistake: 'A key that was slowed down goes on.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (settlement.slowsKey === true) slowKeyDown(queue, element, delayMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'slow-key-slows-all',
    mistake: 'A handler that slows its key down slows its queue down.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (settlement.slowsKey === true) slowKeyDown(queue, element, delayMs);',
        replace: 'if (settlement.slowsKey === true) slowDown(queue, nowMs, delayMs);',
      },
    ],
  },
  {
    name: 'end-passes-the-pause',
    mistake: 'A message that ends lets the next of its key go on although the key is paused.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'while (out < limit.running && !rests.has(key) && lanes.of(key).length > 0) {',
        replace: 'while (out < limit.running && lanes.of(key).length > 0) {',
      },
    ],
  },
  {
    name: 'new-passes-the-pause',
    mistake: 'A new message of a paused key gets its turn.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'if (out >= limit.running || rests.has(key)) return false;',
        replace: 'if (out >= limit.running) return false;',
      },
    ],
  },
  {
    name: 'resume-leaves-the-lane',
    mistake: 'A key that is resumed leaves its lane asleep.',
    edits: [
      {
        file: 'memory/admin/memory-admin.ts',
        find: 'else endRest(queue, key);',
        replace: 'else queue.rests.end(key);',
      },
    ],
  },
  {
    name: 'slow-down-ends-the-pause',
    mistake: 'A handler that slows its key down ends the pause of the key.',
    edits: [
      {
        file: 'memory/store/rests.ts',
        find: 'if ((this.#rests.get(key)?.untilMs ?? -Infinity) >= untilMs) return false;',
        replace: '',
      },
    ],
  },
  {
    name: 'clock-ends-the-pause',
    mistake: 'A step of the clock of Redis ends the pause of a key.',
    edits: [
      {
        file: 'memory/store/rests.ts',
        find: '(untilMs < Infinity && sinceMs > nowMs)',
        replace: 'sinceMs > nowMs',
      },
    ],
  },
  {
    name: 'crash-keeps-key',
    mistake: 'A message that comes back from a crash takes a second place of its key.',
    edits: [
      {
        file: 'memory/lease/reclaim.ts',
        find: `import { putBackAll } from '../queue/levels.js';`,
        replace: `import { putBackAll } from '../queue/levels.js';
import { keyOf } from '../../core/message/key.js';`,
      },
      {
        file: 'memory/lease/reclaim.ts',
        find: 'const suspecting = new Suspecting(queue, names);',
        replace: `const suspecting = new Suspecting(queue, names);
  for (const element of held) {
    const { key } = keyOf(element) ?? {};
    if (key !== undefined) queue.lanes.out.set(key, (queue.lanes.out.get(key) ?? 0) + 1);
  }`,
      },
    ],
  },
  {
    name: 'release-lets-pass',
    mistake: 'What a consumer hands back lets the next of its key pass.',
    edits: [
      {
        file: 'memory/lease/settle.ts',
        find: 'if (ENDS.has(settlement.kind)) endStay(queue, held);',
        replace:
          "if (ENDS.has(settlement.kind) || settlement.kind === 'release') endStay(queue, held);",
      },
    ],
  },
  {
    name: 'redrive-passes',
    mistake: 'A redriven message does not wait for others of its key.',
    edits: [
      {
        file: 'memory/admin/dead-letters.ts',
        find: 'enter(queue, ...there.map(({ element }) => Buffer.from(element)));',
        replace: 'for (const { element } of there) queue.waiting.push(Buffer.from(element));',
      },
    ],
  },
  {
    name: 'takes-what-it-reads',
    mistake: 'What a key reader reads is lost if it dies.',
    edits: [
      {
        file: 'memory/queue/unkeyed.ts',
        find: `if (queue.unkeyed.at(0)?.equals(element) !== true) break;
    queue.unkeyed.shift();`,
        replace: '',
      },
      {
        file: 'memory/queue/unkeyed.ts',
        find: 'queue.keyReading = { many: elements.length, doubted, crashes, first };',
        replace: `for (const _ of elements) unkeyed.shift();
  queue.keyReading = { many: elements.length, doubted, crashes, first };`,
      },
    ],
  },
  {
    name: 'trusts-what-was-read',
    mistake: 'What was read gets its key, without a look at whether it still stands at the head.',
    edits: [
      {
        file: 'memory/queue/unkeyed.ts',
        find: 'if (queue.unkeyed.at(0)?.equals(element) !== true) break;',
        replace: 'if (queue.unkeyed.length === 0) break;',
      },
    ],
  },
  {
    name: 'no-other-reader',
    mistake: 'A key reader that died has no successor.',
    edits: [
      {
        file: 'memory/queue/unkeyed.ts',
        find: `if (hasLease && queue.wakeProcess(processOf(keyReader), 'keys') > 0) return false;`,
        replace: 'if (hasLease || keyReader !== consumer) return false;',
      },
      {
        file: 'memory/store/stored-queue.ts',
        find: 'if (this.keyReader === consumer) {',
        replace: 'if (this.keyReader === consumer && !isDead) {',
      },
    ],
  },
  {
    name: 'given-key-passes',
    mistake: 'An event with a key of its sender passes those that wait for their keys.',
    edits: [
      {
        file: 'memory/queue/lanes.ts',
        find: 'if (!queue.isKeyed) return enterNow(queue, ...elements);',
        replace: `const isGiven = elements.every((element) => keyOf(element) !== undefined);
  if (!queue.isKeyed || isGiven) return enterNow(queue, ...elements);`,
      },
    ],
  },
  {
    name: 'does-not-compare',
    mistake: 'Does not compare its list with Redis after it was cut off.',
    edits: [
      {
        file: 'memory/lease/memory-lease.ts',
        find: 'return this.#mayHoldStrays || this.#comparedThrough !== this.at.contact.connection;',
        replace: 'return this.#mayHoldStrays;',
      },
    ],
  },
  {
    name: 'rejoins-under-its-old-name',
    mistake: 'Goes on with a lease that the new primary does not know.',
    edits: [
      {
        file: 'memory/lease/renew.ts',
        find: `if (!queue.consumers.has(consumer)) return 'leaseLost';`,
        replace: `if (queue.fenced.has(consumer)) return 'leaseLost';`,
      },
    ],
  },
  {
    name: 'drops-refused-settlements',
    mistake: 'Forgets the settlements of a call that Redis has refused.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'if (!tenure.isOver) this.parts.held.putBack(settlements);',
        replace: `if (!tenure.isOver && !String(error).includes('refused'))
        this.parts.held.putBack(settlements);`,
      },
    ],
  },
  {
    name: 'stops-when-refused',
    mistake: 'Waits no more once Redis has refused to wait.',
    edits: [
      {
        file: 'core/consumer/taking.ts',
        find: 'await this.#waitPause.wait(stopped);',
        replace: `if (String(error).includes('refused')) await new Promise(() => undefined);
      await this.#waitPause.wait(stopped);`,
      },
    ],
  },
];
