import { HELP, readArguments, UsageError, type RunArguments } from './arguments.js';
import { needsInstall } from './contestants.js';
import { describeRun } from './describe-run.js';
import { goalTable, list, omissionLine, sampleLine, workloadTables } from './print.js';
import { faultsOf, type Omission, type Results, type SampleResult } from './results.js';
import { writeReport } from './report/report.js';
import { readResults, writeResults } from './results-file.js';
import { prepareRivals } from './rivals.js';
import { runAll } from './run.js';
import { BenchServers } from './servers/servers.js';

const given = process.argv.slice(2);

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const command = readArguments(given);
  switch (command.kind) {
    case 'help':
      return console.log(HELP);
    case 'list':
      return console.log(list());
    case 'report':
      return writeReport(await readResults(command.file));
    case 'run':
      return run(command.run);
  }
}

async function run(plan: RunArguments): Promise<void> {
  if (plan.contestants.some(needsInstall)) await prepareRivals();
  const description = await describeRun(given, plan.contestants);
  const { cores, loadAverageBefore } = description.machine;
  console.log(
    `${cores} cores, load average ${loadAverageBefore}; anything else that runs here distorts the figures\n`,
  );

  const results = await measure(plan, description);
  console.log(`\n${workloadTables(results)}\n\n${goalTable(results)}`);

  const broken = brokenPromises(results);
  if (broken.length > 0) {
    console.error(`\nbench: this must not happen:\n${broken.join('\n')}`);
    process.exitCode = 1;
  }
}

async function measure(plan: RunArguments, description: Results['run']): Promise<Results> {
  const samples: SampleResult[] = [];
  const omissions: Omission[] = [];
  const results: Results = { run: description, samples, omissions };
  const servers = new BenchServers();
  await runAll(plan, servers, {
    measured: async (sample, workload) => {
      samples.push(sample);
      console.log(sampleLine(sample, workload));
      // After each sample, so that a run that is cut off leaves its results.
      if (plan.json !== undefined) await writeResults(plan.json, results);
    },
    omitted: (omission) => {
      omissions.push(omission);
      console.log(omissionLine(omission));
    },
    cutShort: ({ round, workload }) => {
      console.log(`time is up: ${workload} of round ${round} and all later samples are left out`);
    },
  }).finally(() => servers.stop());
  return results;
}

/** Rates differ from run to run; promises to lose nothing do not. */
function brokenPromises({ samples, omissions }: Results): string[] {
  const kept = samples.filter(
    ({ contestant, workload }) => contestant === 'ours' && !workload.startsWith('broadcast'),
  );
  return [
    ...kept.flatMap((sample) => {
      const faults = faultsOf([sample]);
      return faults === undefined ? [] : [`${sample.workload} ${sample.round}: ${faults}`];
    }),
    ...omissions
      .filter(({ contestant, isFailure }) => contestant === 'ours' && isFailure)
      .map(omissionLine),
  ];
}
