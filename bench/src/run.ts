import { NotOffered } from './contestant.js';
import type { ContestantInfo } from './contestants.js';
import type { Figures } from './figures.js';
import { measureDelay } from './measure-delay.js';
import { measureDrain } from './measure-drain.js';
import { measureFlow, type Extent } from './measure-flow.js';
import { measureIdle } from './measure-idle.js';
import type { Omission, SampleResult } from './results.js';
import { ProgramMissing } from './servers/program.js';
import type { BenchServers } from './servers/servers.js';
import { Stage } from './stage.js';
import { canDo, type Workload } from './workloads.js';

export interface RunPlan extends Extent {
  readonly contestants: readonly ContestantInfo[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly withinSeconds: number;
}

export interface RunObserver {
  measured(sample: SampleResult, workload: Workload): Promise<void>;
  omitted(omission: Omission): void;
  /** The time was up before this. */
  cutShort(at: { readonly round: number; readonly workload: string }): void;
}

/**
 * Round by round and workload by workload, every contestant in turn (A B C A B C …), so that changes on the machine
 * during a run affect all of them alike. Nothing of one sample is left when the next begins.
 */
export async function runAll(
  plan: RunPlan,
  servers: BenchServers,
  observer: RunObserver,
): Promise<void> {
  const endAt = performance.now() + plan.withinSeconds * 1000;
  const refused = new Set<string>();
  for (const { round, workload, contestant } of turnsOf(plan)) {
    const turn = `${workload.id} ${contestant.id}`;
    if (refused.has(turn)) continue;
    if (performance.now() > endAt) return observer.cutShort({ round, workload: workload.id });
    const omission = await attempt(contestant, workload, round, plan, servers, observer);
    if (omission === undefined) continue;
    refused.add(turn);
    observer.omitted(omission);
  }
}

function* turnsOf({ rounds, workloads, contestants }: RunPlan) {
  for (let round = 1; round <= rounds; round += 1) {
    for (const workload of workloads) {
      for (const contestant of contestants) {
        if (canDo(contestant, workload)) yield { round, workload, contestant };
      }
    }
  }
}

/** Returns why there is no measurement; undefined if there is one. */
async function attempt(
  contestant: ContestantInfo,
  workload: Workload,
  round: number,
  extent: Extent,
  servers: BenchServers,
  observer: RunObserver,
): Promise<Omission | undefined> {
  try {
    await observer.measured(await sampleOf(contestant, workload, round, extent, servers), workload);
    return undefined;
  } catch (error) {
    const isExpected = error instanceof NotOffered || error instanceof ProgramMissing;
    return {
      contestant: contestant.id,
      workload: workload.id,
      round,
      isFailure: !isExpected,
      reason: error instanceof Error ? error.message : String(error),
    };
  }
}

async function sampleOf(
  contestant: ContestantInfo,
  workload: Workload,
  round: number,
  extent: Extent,
  servers: BenchServers,
): Promise<SampleResult> {
  const server = await servers.take(contestant.server, workload.aof);
  const consumers = workload.kind === 'flow' ? workload.consumers : 1;
  const name = `bench-${workload.id}-${round}`;
  const stage = new Stage(contestant, server, name, workload.bytes, consumers);
  try {
    const figures = await figuresOf(stage, workload, extent);
    return {
      contestant: contestant.id,
      workload: workload.id,
      round,
      figures,
      account: await stage.account(),
      ...stage.failures(),
    };
  } finally {
    await stage.close();
    await server.stop();
  }
}

function figuresOf(stage: Stage, workload: Workload, extent: Extent): Promise<Figures> {
  switch (workload.kind) {
    case 'flow':
      return measureFlow(stage, workload, extent);
    case 'drain':
      return measureDrain(stage, workload, extent);
    case 'idle':
      return measureIdle(stage, workload, extent);
    case 'delay':
      return measureDelay(stage);
  }
}
