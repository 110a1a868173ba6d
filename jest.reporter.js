import process from 'node:process';

/** What all tests together usually take. CONTRIBUTING.md says the same. */
export const USUAL_TIME = '10 to 20 minutes on two cores';

/** Of the message of one failing test: its begin has what differs, its end where. */
const FIRST_LINES = 25;
const LAST_LINES = 20;
const LONGEST_LINE = 500;
/** Of one file. */
const MOST_LINES = 300;
/** At the end, so that all of it fits on a screen. */
const MOST_LISTED = 12;
const LISTED_CHARACTERS = 160;

/**
 * Beside Jest's own reporters: says how long the tests take, shortens what one that fails prints, and lists at the end
 * what failed, with the command to run it again. It has to come before them, since they print what it has shortened.
 *
 * @implements {import('jest').Reporter}
 */
export default class RunReporter {
  /** @param {import('jest').Config.GlobalConfig} config */
  constructor(config) {
    this.config = config;
    this.isWhole =
      (config.nonFlagArgs ?? []).length === 0 &&
      !config.testNamePattern &&
      !config.testPathPatterns?.patterns?.length &&
      !config.onlyChanged &&
      !config.watch &&
      !config.watchAll;
  }

  /** @param {{ estimatedTime?: number }} options with the time of each file when it ran here last, in s all together */
  onRunStart(_, { estimatedTime = 0 } = {}) {
    if (!this.isWhole) return;
    const here = estimatedTime > 0 ? `; by their last times here, ${inWords(estimatedTime)}` : '';
    this.#print(`All tests usually take ${USUAL_TIME}${here}.\n`);
  }

  onTestFileResult(_, result) {
    if (result.failureMessage) result.failureMessage = shortened(result.failureMessage);
    for (const test of result.testResults) {
      test.failureMessages = test.failureMessages.map(shortenedMessage);
    }
  }

  onRunComplete(_, results) {
    const seconds = (Date.now() - results.startTime) / 1_000;
    const lines = [];
    if (this.isWhole) lines.push(`All tests took ${inWords(seconds)}.`);
    lines.push(...failuresOf(results, this.config.rootDir));
    if (lines.length === 0) return;
    // After Jest's summary, which is the last thing that it prints itself.
    process.once('exit', () => this.#print(`\n${lines.join('\n')}`));
  }

  #print(text) {
    process.stderr.write(`${text}\n`);
  }
}

function failuresOf(results, rootDir) {
  const failed = results.testResults.flatMap((file) => failuresIn(file, rootDir));
  if (failed.length === 0) return [];
  const more = failed.length - MOST_LISTED;
  return [
    `${failed.length} failed. To run one again:`,
    ...failed.slice(0, MOST_LISTED).flat(),
    ...(more > 0 ? [`… and ${more} more: see above.`] : []),
  ];
}

/** Each with the command and the begin of why. */
function failuresIn(file, rootDir) {
  const path = file.testFilePath.slice(rootDir.length + 1);
  const tests = file.testResults.filter(({ status }) => status === 'failed');
  if (tests.length === 0 && file.failureMessage) {
    return [[`  npm run jest -- ${path}`, `    ${firstWords(file.failureMessage)}`]];
  }
  return tests.map(({ fullName, failureMessages }) => [
    `  npm run jest -- ${path} -t ${quoted(fullName)}`,
    `    ${firstWords(failureMessages.join('\n'))}`,
  ]);
}

/** For a POSIX shell; Jest takes the name for a regular expression. */
function quoted(name) {
  const pattern = `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;
  return `'${pattern.replaceAll("'", String.raw`'\''`)}'`;
}

function firstWords(message) {
  const text = withoutColors(message)
    .replace(/\n\s+at [^]*/, '')
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > LISTED_CHARACTERS ? `${text.slice(0, LISTED_CHARACTERS)}…` : text;
}

function withoutColors(text) {
  // eslint-disable-next-line no-control-regex -- that is what terminals understand
  return text.replace(/\u001b\[[\d;]*m/g, '');
}

/** Of a file: the message of each test that failed begins with a dot. */
function shortened(message) {
  const parts = message.split(/^(?=.{0,20}● )/m);
  return shortenedTo(parts.map(shortenedMessage).join(''), MOST_LINES, 0);
}

function shortenedMessage(message) {
  return shortenedTo(message, FIRST_LINES, LAST_LINES);
}

function shortenedTo(message, first, last) {
  const lines = message.split('\n');
  const left = lines.length - first - last;
  const kept =
    left <= 1
      ? lines
      : [
          ...lines.slice(0, first),
          `    … ${left} lines left out …`,
          ...(last > 0 ? lines.slice(-last) : ['']),
        ];
  return kept.map(shortenedLine).join('\n');
}

function shortenedLine(line) {
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
}

function inWords(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
