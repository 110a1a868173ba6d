import type { Published } from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import { encodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import {
  OutcomeUnknownError,
  QueueFullError,
  RedisRefusedError,
} from '../../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { TrialTurn } from '../../../libs/redis-queue-transport/src/core/consumer/trial.js';
import type { ExchangeAnswer } from '../../../libs/redis-queue-transport/src/memory/lease/exchange.js';
import { Store } from '../../../libs/redis-queue-transport/src/memory/store/store.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { checkKeys } from '../check/key-order.js';
import { Failovers } from '../check/failovers.js';
import { LeaseWatch } from '../check/lease-watch.js';
import type { LeaseRun } from '../check/lease-watch.js';
import { checkLevels } from '../check/level-order.js';
import { checkPlaces } from '../check/places.js';
import { lengthOf } from '../check/queue-limits.js';
import { QueueWatch } from '../check/queue-watch.js';
import { StartRules } from '../check/start-rules.js';
import type { StartingRun } from '../check/start-rules.js';
import { Ledger } from '../check/ledger.js';
import type { MessageRecord, Start } from '../check/ledger.js';
import { GROUP } from '../scenario/make-scenario.js';
import type {
  Act,
  MessagePlan,
  ProcessPlan,
  QueuePlan,
  Scenario,
  Step,
} from '../scenario/scenario.js';
import { ProcessRuntime } from '../time/process-runtime.js';
import { Random } from '../time/random.js';
import { VirtualTime } from '../time/virtual-time.js';
import { Administrator } from './administrator.js';
import { QueueConsumer, termsOf } from './consumer-process.js';
import type { ConsumerWatch, Taken } from './consumer-process.js';
import { Network } from './network.js';
import { Replica } from './replica.js';
import type { FollowedRun } from './replica.js';
import { Sender } from './sender.js';
import { PREFIX, SimulatedProcess } from './simulated-process.js';
import type { SimulatedLink, StoreMachine } from './simulated-link.js';

const OK: Step = { does: 'ok', ms: 0 };
const RIGHT_CLOCKS = { rate: 1, wallAheadMs: 0 };

/** For so long after a trouble, a consumer may still lose its lease by it: the longest lease, and some time to try again. */
const TROUBLED_FOR_MS = 5_000;

/** A handler may compute for so long without being a trouble: news waits meanwhile. */
const NEWS_SLACK_MS = 150;

/** Some processes reach a new primary so much later than others. */
const MOST_LATER_MS = 300;

/** How long an administrator waits before it asks again. */
const ASKS_AGAIN_MS = 500;

type Failover = Extract<Act, { readonly act: 'failover' }>;

/** What an administrator asks the store for. */
const PAUSES_A_KEY = 'pause or resume a key';
/** What a consumer asks it for. */
const EXCHANGES = 'settle and take messages';

interface Running {
  readonly process: SimulatedProcess;
  readonly consumers: readonly QueueConsumer[];
  isStopping: boolean;
}

/** One store, and the processes that send, consume and administer, in the time of one run. */
export class World implements StoreMachine, ConsumerWatch, StartingRun, LeaseRun, FollowedRun {
  readonly time = new VirtualTime();
  readonly runtime: ProcessRuntime;
  readonly store: Store;
  readonly ledger: Ledger;
  /** The last process by each planned name. */
  readonly #running = new Map<string, Running>();
  readonly #leases = new LeaseWatch(this);
  readonly #failovers = new Failovers(this);
  /** By the act that makes them primaries. */
  readonly #replicas = new Map<Act, Replica>();
  /** By queue. */
  readonly #watches: ReadonlyMap<string, QueueWatch>;
  readonly #rules = new StartRules(this);
  readonly #chance: Random;
  readonly #senders: ReadonlyMap<string, Sender>;
  readonly #administrators: readonly [Administrator, Administrator];
  /** By the planned name. */
  readonly #troubledUntil = new Map<string, number>();
  term = 0;
  refusal: RedisRefusedError | undefined;
  /** Queues whose terms were written. */
  readonly #served = new Set<string>();
  #generation = 0;
  #starts = 0;
  #redisAheadMs = 0;
  #mostAheadMs = 0;
  #isLast = false;

  constructor(
    readonly scenario: Scenario,
    isTold = false,
  ) {
    this.#chance = new Random(scenario.seed);
    this.ledger = new Ledger(scenario.messages, isTold);
    this.#watches = new Map(
      scenario.queues.map((queue) => [queue.name, new QueueWatch(queue, scenario.messages, this)]),
    );
    this.runtime = this.#runtimeOf('redis', RIGHT_CLOCKS);
    this.store = new Store(this.runtime);
    this.#senders = new Map(
      scenario.senders.map((name) => [name, new Sender(this.#processOf(name, RIGHT_CLOCKS))]),
    );
    this.#administrators = [this.#administratorOf('admin1'), this.#administratorOf('admin2')];
  }

  queue(name: string): StoredQueue {
    return this.store.space(PREFIX).queue(name);
  }

  #plannedQueue(queue: string): QueuePlan | undefined {
    return this.scenario.queues.find(({ name }) => name === queue);
  }

  get queues(): readonly StoredQueue[] {
    return this.scenario.queues.map(({ name }) => this.queue(name));
  }

  /** Plans everything that the scenario says. */
  begin(): void {
    for (const { broker } of this.#senders.values())
      for (const { eventsOf: pattern } of this.scenario.queues)
        if (pattern !== undefined)
          this.#administrate(() => broker.declare({ pattern, groups: [GROUP] }), true);
    for (const plan of this.scenario.processes)
      this.time.at(plan.startsAtMs, () => this.#start(plan));
    for (const message of this.scenario.messages)
      this.time.at(message.sentAtMs, () => void this.#send(message));
    for (const act of this.scenario.acts) {
      if (act.act === 'failover')
        this.time.at(act.atMs - act.lagMs, () => this.#replicas.set(act, new Replica(this)));
      this.time.at(act.atMs, () => this.#act(act));
    }
  }

  /** Ends all faults; every queue has a consumer from then on. */
  calmDown(): void {
    this.tell('all faults end');
    // What was delayed while the clock was ahead would be due much later.
    this.#setRedisClock(this.#mostAheadMs - this.#redisAheadMs);
    const [administrator] = this.#administrators;
    for (const { name } of this.scenario.queues)
      this.#administrate(() => administrator.resume(name), true);
    for (const act of this.scenario.acts)
      if (act.act === 'pauseKey')
        this.#administrate(() => administrator.resumeKey(act.queue, act.key), true);
    for (const plan of this.scenario.processes) if (!this.#isUp(plan.name)) this.#start(plan);
  }

  /** Stops all processes, and starts one more for each queue, in which every handler ends well. */
  replaceAll(): void {
    this.tell('all processes are replaced');
    this.#isLast = true;
    for (const plan of this.scenario.processes) this.#stop(plan.name, 0);
    const consumes = this.scenario.queues.map(({ name }) => ({
      queue: name,
      concurrency: 4,
      prefetch: 4,
      readsKeys: true,
    }));
    this.#start({ name: 'last', startsAtMs: 0, ...RIGHT_CLOCKS, consumes });
  }

  #isUp(name: string): boolean {
    const running = this.#running.get(name);
    return running !== undefined && !running.isStopping && !running.process.runtime.isDead;
  }

  #runtimeOf(name: string, clocks: Pick<ProcessPlan, 'rate' | 'wallAheadMs'>): ProcessRuntime {
    return new ProcessRuntime(this.time, this.#chance.named(`runtime ${name}`), clocks);
  }

  #processOf(name: string, clocks: Pick<ProcessPlan, 'rate' | 'wallAheadMs'>): SimulatedProcess {
    const network = new Network(this.scenario.network, this.#chance.named(`network ${name}`));
    return new SimulatedProcess(name, this.#runtimeOf(name, clocks), this.store, this, network);
  }

  #administratorOf(name: string): Administrator {
    return new Administrator(this.#processOf(name, RIGHT_CLOCKS), this.store);
  }

  #start(plan: ProcessPlan): void {
    if (this.#isUp(plan.name)) return;
    this.#generation += 1;
    const process = this.#processOf(`${plan.name}.${this.#generation}`, plan);
    this.tell(`${process.name} starts`);
    const turn = new TrialTurn();
    const consumers = plan.consumes.flatMap((places) => {
      const queue = this.#plannedQueue(places.queue);
      return queue === undefined ? [] : [new QueueConsumer(process, queue, places, turn, this)];
    });
    this.#running.set(plan.name, { process, consumers, isStopping: false });
    for (const consumer of consumers) void consumer.start();
  }

  #stop(name: string, deadlineMs: number): void {
    const running = this.#running.get(name);
    if (running === undefined || !this.#isUp(name)) return;
    running.isStopping = true;
    const { process, consumers } = running;
    this.tell(`${process.name} stops within ${deadlineMs} ms`);
    const stop = async (): Promise<void> => {
      await Promise.all(consumers.map((consumer) => consumer.stop(deadlineMs)));
      await process.broker.close(0);
      this.tell(`${process.name} has stopped`);
      this.#giveUp(process.name, 'it stopped before that was settled');
    };
    process.runtime.post(this.time.now, () => void stop());
  }

  #act(act: Act): void {
    const { atMs: _atMs, ...what } = act;
    this.tell(`* ${JSON.stringify(what)}`);
    checkPlaces(this);
    checkKeys(this);
    checkLevels(this);
    switch (act.act) {
      case 'kill':
        return this.#kill(act.process);
      case 'restart': {
        const plan = this.scenario.processes.find(({ name }) => name === act.process);
        return plan && this.#start(plan);
      }
      case 'freeze':
        this.#trouble(act.process, act.ms);
        return this.#running.get(act.process)?.process.runtime.freeze(act.ms);
      case 'sleep':
        this.#trouble(act.process, act.ms);
        return this.#running.get(act.process)?.process.runtime.sleep(act.ms);
      case 'setWall':
        return this.#running.get(act.process)?.process.runtime.setWall(act.ms);
      case 'stop':
        return this.#stop(act.process, act.deadlineMs);
      case 'cut':
        return this.#linkOf(act.process)?.cut(act);
      case 'setRedisClock':
        return this.#setRedisClock(act.ms);
      case 'freezeRedis':
        for (const { name } of this.scenario.processes) this.#trouble(name, act.ms);
        return this.runtime.freeze(act.ms);
      case 'pause':
        return this.#administrate(() => this.#administrators[act.by].pause(act.queue));
      case 'resume':
        return this.#administrate(() => this.#administrators[act.by].resume(act.queue));
      case 'pauseKey':
        return this.#administrate(() => this.#administrators[act.by].pauseKey(act.queue, act.key));
      case 'resumeKey':
        return this.#administrate(() => this.#administrators[act.by].resumeKey(act.queue, act.key));
      case 'redrive':
        return this.#administrate(() => this.#redrive(this.#administrators[act.by], act.queue));
      case 'failover':
        return this.#failOver(act);
      case 'move':
        return this.#move(act.ms);
    }
  }

  /** @param isNeeded it is tried until it is done */
  #administrate(ask: () => Promise<void>, isNeeded = false): void {
    ask().catch((error: unknown) => {
      this.tell(`failed: ${String(error)}`);
      if (isNeeded)
        this.time.at(this.time.now + ASKS_AGAIN_MS, () => this.#administrate(ask, true));
    });
  }

  get #links(): readonly SimulatedLink[] {
    const others = [...this.#senders.values(), ...this.#running.values()];
    return [...this.#administrators, ...others].map(({ process }) => process.link);
  }

  #failOver(act: Failover): void {
    const { awayMs, clockMs, silentMs } = act;
    for (const { name } of this.scenario.processes)
      this.#trouble(name, awayMs + silentMs + MOST_LATER_MS);
    this.term += 1;
    this.#replicas.get(act)?.takeOver(this.#failovers);
    this.#replicas.delete(act);
    // Those that were to follow the old primary follow the new one.
    for (const other of this.#replicas.keys()) this.#replicas.set(other, new Replica(this));
    const chance = this.#chance.named(`failover ${act.atMs}`);
    for (const link of this.#links)
      link.failOver(silentMs, awayMs + chance.pick([0, 5, MOST_LATER_MS]));
    this.#setRedisClock(clockMs);
  }

  #move(ms: number): void {
    const refusal = new RedisRefusedError('TRYAGAIN', 'Redis refused the call: TRYAGAIN');
    for (const { name } of this.scenario.processes) this.#trouble(name, ms);
    this.refusal = refusal;
    for (const link of this.#links) link.move(refusal);
    this.store.forgetTakers();
    this.time.at(this.time.now + ms, () => {
      if (this.refusal !== refusal) return;
      this.refusal = undefined;
      for (const link of this.#links) link.moved();
    });
  }

  #linkOf(process: string): SimulatedLink | undefined {
    return (this.#senders.get(process)?.process ?? this.#running.get(process)?.process)?.link;
  }

  /** Its leases may end in this time, or soon afterwards. */
  #trouble(process: string, ms: number): void {
    const until = this.time.now + ms + TROUBLED_FOR_MS;
    this.#troubledUntil.set(process, Math.max(this.#troubledUntil.get(process) ?? 0, until));
  }

  #setRedisClock(ms: number): void {
    if (ms === 0) return;
    this.#redisAheadMs += ms;
    this.#mostAheadMs = Math.max(this.#mostAheadMs, this.#redisAheadMs);
    this.store.clock.advance(ms);
    for (const watch of this.#watches.values()) watch.clockWasSet();
  }

  #kill(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined || running.process.runtime.isDead) return;
    this.#die(running.process);
  }

  #die(process: SimulatedProcess): void {
    this.tell(`${process.name} dies`);
    const chance = this.#chance.named(`death of ${process.name}`);
    const fate = chance.pick(['never', 'late'] as const);
    const lateMs = chance.pick([1, 500, 4_000]);
    process.kill({ from: 'now', silentMs: 0, ms: 0, fate, lateMs });
    for (const { starts } of this.ledger.messages.values())
      for (const start of starts)
        if (start.process === process.name && start.settledAs === undefined)
          start.gone ??= 'its process died';
  }

  async #send(plan: MessagePlan): Promise<void> {
    const record = this.ledger.of(plan.id);
    const sender = this.#senders.get(plan.sender);
    if (record === undefined || sender === undefined) return;
    const { broker } = sender;
    const nowMs = broker.nowMs();
    const expiresAtMs = plan.expiresInMs === undefined ? undefined : nowMs + plan.expiresInMs;
    const pattern = this.#plannedQueue(plan.queue)?.eventsOf;
    const { id, key, priority } = plan;
    const envelope = { id, key, priority, sentAtMs: nowMs, pattern, expiresAtMs };
    const element = encodeElement(envelope, '{}');
    const dueMs = plan.delayMs === undefined ? undefined : nowMs + plan.delayMs;
    const { deduplicateMs } = plan;
    const send = async (): Promise<MessageRecord['sent']> =>
      pattern === undefined
        ? broker.push(plan.queue, plan.id, element, { dueMs, deduplicateMs })
        : outcomeOf(await broker.publish(pattern, plan.id, element, { deduplicateMs }));
    try {
      record.sent = await sender.send(plan, element.length, send);
    } catch (error) {
      record.sent = error instanceof OutcomeUnknownError ? 'unknown' : 'refused';
      if (error instanceof QueueFullError) this.#refused(record, error);
    }
    this.tell(`${plan.id} was sent: ${record.sent}`);
  }

  #refused(record: MessageRecord, { length, maxLength }: QueueFullError): void {
    record.sent = 'full';
    const { id, queue } = record.plan;
    if (maxLength !== this.#plannedQueue(queue)?.maxLength || length < maxLength)
      this.violate('bound', `${id} was refused at ${length} of ${maxLength}`);
  }

  async #redrive(administrator: Administrator, queue: string): Promise<void> {
    const ids = await administrator.redrive(queue);
    for (const id of ids) this.ledger.of(id)?.redrivenAtMs.push(this.time.now);
    this.tell(`redriven: ${ids.join(' ')}`);
  }

  // What is told by the store.

  execute<T>(process: string, action: string, how: 'now' | 'late', command: () => T): T {
    this.blocks(process, action, how);
    const paused = this.queues.filter(({ isPaused }) => isPaused);
    const delayed = paused.map((queue) => queue.delayed.length);
    const lengths = this.#senders.has(process) ? this.#lengths() : undefined;
    const heldBefore = how === 'late' && action === EXCHANGES ? this.#held() : undefined;
    const value = command();
    if (heldBefore !== undefined) this.#noteSettledLate(heldBefore, value);
    this.#lookAfter(process, action, value);
    for (const [name, length] of lengths ?? [])
      this.#watches.get(name)?.checkBound(length, this.queue(name));
    paused.forEach((queue, index) => {
      if (queue.isPaused && queue.delayed.length < (delayed[index] ?? 0))
        this.ledger.violate('order', 'due messages were released while their queue was paused');
    });
    return value;
  }

  /** What all consumers hold. */
  #held(): ReadonlySet<string> {
    const lists = this.queues.flatMap(({ processing }) => [...processing.values()]);
    return new Set(lists.flat().flatMap((element) => idOf(element) ?? []));
  }

  /** It may have taken again what it had handed back. */
  #noteSettledLate(heldBefore: ReadonlySet<string>, value: unknown): void {
    const held = this.#held();
    const taken = new Set(isExchange(value) ? value.taken.map(idOf) : []);
    for (const id of heldBefore) {
      const record = held.has(id) && !taken.has(id) ? undefined : this.ledger.of(id);
      if (record !== undefined) record.settledLateAtMs ??= this.time.now;
    }
  }

  #lookAfter(process: string, action: string, value: unknown): void {
    if (action === PAUSES_A_KEY) this.#noteKeyPause(process);
    if (isExchange(value) && value.suspects !== 'mine') this.#noteTaken(value.taken);
    const redisNowMs = this.store.clock.nowMs();
    for (const [name, watch] of this.#watches)
      watch.look(this.queue(name), this.time.now, redisNowMs);
  }

  #noteKeyPause(administrator: string): void {
    const by = this.#administrators.find(({ name }) => name === administrator);
    const { queue = '', key = '', isPaused = false } = by?.nextKeyPause() ?? {};
    this.#watches.get(queue)?.setKeyPaused(key, isPaused);
  }

  #noteTaken(taken: readonly Buffer[]): void {
    const [first] = taken;
    const { queue } = this.ledger.of(first && idOf(first))?.plan ?? {};
    if (queue !== undefined) this.#watches.get(queue)?.took(this.queue(queue), taken);
  }

  blocks(process: string, action: string, how: 'now' | 'late'): void {
    this.ledger.tell(this.time.now, `  ${process} ${how}: ${action}`);
    this.time.at(this.time.now, () => {
      this.#leases.look();
      this.#lookAtLimits();
    });
  }

  cuts(process: string, ms: number): void {
    this.#trouble(planOf(process), ms);
  }

  #lengths(): [string, number][] {
    return [...this.#watches].flatMap(([name, { hasLimits }]): [string, number][] =>
      hasLimits ? [[name, lengthOf(this.queue(name))]] : [],
    );
  }

  #lookAtLimits(): void {
    const redisNowMs = this.store.clock.nowMs();
    for (const [name, watch] of this.#watches)
      watch.lookAtLimits(this.queue(name), this.time.now, redisNowMs);
  }

  hasAskedToSlow(id: string, what: 'queue' | 'key'): boolean {
    const { plan, starts = [] } = this.ledger.of(id) ?? {};
    const step = plan?.steps[starts.length - 1];
    return step?.does === 'slowDown' && step.of === what;
  }

  get newsMs(): number {
    return this.scenario.network.slowMs + NEWS_SLACK_MS;
  }

  dataKeyOf(id: string): string | undefined {
    const { dataKey, queue } = this.ledger.of(id)?.plan ?? {};
    return queue !== undefined && this.#plannedQueue(queue)?.readsKeys === true
      ? dataKey
      : undefined;
  }

  isHealthy(consumer: string): boolean {
    return [...this.#running].some(
      ([name, { process, isStopping }]) =>
        consumer.startsWith(`${process.name}-`) &&
        !process.runtime.isDead &&
        !isStopping &&
        (this.#troubledUntil.get(name) ?? 0) <= this.time.now,
    );
  }

  get hasFenced(): boolean {
    return this.#leases.hasFenced;
  }

  firstFencedAtMs(consumer: string): number | undefined {
    return this.#leases.firstFencedAtMs(consumer);
  }

  fencedAtMs(consumer: string): number | undefined {
    return this.#leases.fencedAtMs(consumer);
  }

  get watches(): ReadonlyMap<string, QueueWatch> {
    return this.#watches;
  }

  get leases(): LeaseWatch {
    return this.#leases;
  }

  watchOf(queue: string): QueueWatch | undefined {
    return this.#watches.get(queue);
  }

  isTroubled(process: string): boolean {
    return (this.#troubledUntil.get(planOf(process)) ?? 0) > this.time.now;
  }

  /** Even if a failover has undone it, what servers have declared is there while some of them live. */
  checkDeclared(): void {
    for (const plan of this.scenario.queues) {
      const { name, eventsOf } = plan;
      const queue = this.queue(name);
      if (!this.#served.has(name) || queue.consumers.size === 0) continue;
      for (const [term, value] of Object.entries(termsOf(plan)))
        if (queue.terms.get(term) !== value)
          this.violate('declared', `${term} of ${name} is ${queue.terms.get(term)}, not ${value}`);
      if (eventsOf !== undefined && this.store.space(PREFIX).events.field(name) === undefined)
        this.violate('declared', `the group ${name} is not known`);
    }
  }

  // What consumers tell.

  knows(queue: string, consumer: string, askedAtMs: number, known: readonly Buffer[]): void {
    this.#failovers.checkList(this.queue(queue), consumer, askedAtMs, known);
  }

  served(queue: string): void {
    this.#served.add(queue);
  }

  joined(consumer: string): void {
    this.#leases.joined(consumer);
  }

  exchanged(consumer: string, askedAtMs: number): void {
    this.#leases.exchanged(consumer, askedAtMs);
  }

  began(process: string, taken: Taken, delivery: Delivery): { start: Start; step: Step } {
    const { consumer } = taken;
    const { attempt, envelope, id = '?' } = delivery;
    const taking = { consumer, attempt, crashes: envelope.crashes };
    const isUndone = this.#failovers.hasUndone(id, taking, taken.atMs);
    const running = this.#named(process);
    const atMs = running?.process.runtime.localMs ?? this.time.now;
    const start: Start = {
      process,
      ...taking,
      order: (this.#starts += 1),
      atMs,
      key: envelope.key,
      isUndone,
      endedAtMs: undefined,
      settledAs: undefined,
      end: undefined,
      gone: isUndone ? 'a failover undid its taking' : undefined,
    };
    const record = this.ledger.of(delivery.id);
    // It was killed in the same turn: what it still does never happened.
    if (running?.process.runtime.isDead !== false) return { start, step: { does: 'hang' } };
    if (record === undefined) {
      this.ledger.violate('nothing from nowhere', `a handler started ${delivery.id}`);
      return { start, step: OK };
    }
    this.#rules.checkEnvelope(record, delivery);
    if (!isUndone) this.#rules.check(record, delivery);
    if (!isUndone) this.#rules.checkNow(start, delivery, this.time.now, this.store.clock.nowMs());
    const step = this.#isLast ? OK : (record.plan.steps[record.starts.length] ?? OK);
    record.starts.push(start);
    this.tell(`${process} begins ${delivery.id} (attempt ${delivery.attempt}): ${step.does}`);
    if (!isUndone) this.time.at(atMs, () => this.#rules.checkLease(start, delivery));
    return { start, step };
  }

  ended(delivery: Delivery, start: Start, end: Start['end']): void {
    const running = this.#named(start.process);
    if (running?.process.runtime.isDead === true) return;
    start.end = end;
    start.endedAtMs = running?.process.runtime.localMs ?? this.time.now;
    this.tell(`${start.process} ends ${delivery.id}: ${end ?? ''}`);
  }

  /** A renewal may be late by that. */
  computed(process: string, ms: number): void {
    if (ms >= 150) this.#trouble(planOf(process), ms);
  }

  killed(process: string): void {
    for (const running of this.#running.values())
      if (running.process.name === process && !running.process.runtime.isDead) {
        this.#die(running.process);
        // It is started again, as a supervisor does.
        const plan = this.scenario.processes.find(({ name }) => process.startsWith(`${name}.`));
        if (plan !== undefined) this.time.at(this.time.now + 100, () => this.#start(plan));
      }
  }

  settled(process: string, id: string | undefined, as: string): void {
    const own = this.ledger.of(id)?.starts.filter((one) => one.process === process) ?? [];
    // After a failover, a process can run a message that it still runs.
    const ended = own.filter(({ end, settledAs }) => end !== undefined && settledAs === undefined);
    const start = ended.find(({ gone }) => gone === undefined) ?? ended[0] ?? own.at(-1);
    if (start !== undefined) start.settledAs = as;
    this.tell(`${id ?? '?'} was settled: ${as}`);
  }

  skipped(id: string | undefined, why: string): void {
    const record = this.ledger.of(id);
    if (record !== undefined) record.skipped = why;
    this.tell(`${id ?? '?'} was skipped: ${why}`);
  }

  leaseLost(process: string, consumer: string): void {
    this.tell(`${process} lost its lease ${consumer}`);
    this.#giveUp(process, 'its lease was lost', consumer);
  }

  handedBack(process: string, queue: string): void {
    this.tell(`${process} hands back what runs of ${queue}`);
    this.#giveUp(process, 'it was handed back');
  }

  exceeded(process: string, what: string): void {
    const { runtime } = this.#named(process)?.process ?? {};
    if (runtime?.isDead === false) this.ledger.violate('limits', `in ${process}, ${what}`);
  }

  asksToSlow(process: string, queue: string, ms: number): void {
    const untilMs = this.store.clock.nowMs() + ms;
    this.#watches.get(queue)?.slowDowns?.asked(process, untilMs);
  }

  heardSlowed(process: string, queue: string): void {
    this.#watches.get(queue)?.slowDowns?.heard(process);
    const hasAsked = ({ plan, starts }: MessageRecord): boolean =>
      plan.queue === queue && plan.steps.slice(0, starts.length).some(slowsQueue);
    if (![...this.ledger.messages.values()].some(hasAsked))
      this.violate('slowed down', `${queue} was, and no handler has asked for that`);
  }

  /** The process of this whole name, if it is the last one of its plan. */
  #named(process: string): Running | undefined {
    return [...this.#running.values()].find(({ process: { name } }) => name === process);
  }

  #giveUp(process: string, why: string, consumer?: string): void {
    for (const { starts } of this.ledger.messages.values())
      for (const start of starts)
        if (start.process === process && start.settledAs === undefined)
          if (consumer === undefined || start.consumer === consumer) start.gone ??= why;
  }

  violate(rule: string, what: string): void {
    this.ledger.violate(rule, what);
  }

  tell(line: string): void {
    this.ledger.tell(this.time.now, line);
  }

  idsIn(elements: Iterable<Buffer>): string[] {
    return [...elements].map((element) => idOf(element) ?? '?');
  }
}

/** The planned name of a process: its own has a number behind it. */
function planOf(process: string): string {
  return process.replace(/\.\d+$/, '');
}

function isExchange(value: unknown): value is ExchangeAnswer {
  return typeof value === 'object' && value !== null && 'taken' in value;
}

function slowsQueue(step: Step): boolean {
  return step.does === 'slowDown' && step.of === 'queue';
}

/** An event that was published before its group was known is held by nobody. */
function outcomeOf({ isDuplicate, groups }: Published): 'added' | 'duplicate' | 'refused' {
  if (isDuplicate) return 'duplicate';
  return groups === 0 ? 'refused' : 'added';
}
