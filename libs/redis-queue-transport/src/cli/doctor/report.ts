import { printable } from '../../core/message/printable.js';
import type { Terminal } from '../output/terminal.js';
import { counted } from '../output/text.js';
import { wrapped } from '../output/wrapped.js';
import type { Finding } from './finding.js';

export interface Report {
  readonly place: string;
  readonly prefix: string;
  readonly user: string | undefined;
  readonly roles: readonly string[];
  readonly version: string | undefined;
  readonly queues: number;
  readonly findings: readonly Finding[];
  /** What was checked and is fine. */
  readonly well: readonly string[];
}

const WIDTH = 96;
const LABEL = 8;

/** For people, beginning with what is wrong. */
export function reportText(report: Report, terminal: Terminal): string {
  const { place, prefix, user, roles, version, queues, findings, well } = report;
  const bad = findings.filter(({ level }) => level === 'wrong');
  const notes = findings.filter(({ level }) => level === 'note');
  const verdict =
    bad.length === 0
      ? terminal.good('Nothing is wrong')
      : terminal.bad(`${counted(bad.length, 'thing')} ${bad.length === 1 ? 'is' : 'are'} wrong`);
  return [
    printable(
      `Redis ${version ?? '(version unknown)'} at ${place}, prefix "${prefix}", ${counted(queues, 'queue')}`,
    ),
    printable(
      `user ${user ?? '(unknown)'}: ${roles.length === 0 ? 'can fill no role' : `can be ${roles.join(', ')}`}`,
    ),
    '',
    ...bad.flatMap((finding) => lines(finding, terminal.bad('wrong'.padEnd(LABEL)), terminal)),
    ...notes.flatMap((finding) => lines(finding, terminal.warn('note'.padEnd(LABEL)), terminal)),
    ...(well.length === 0
      ? []
      : [...block(terminal.good('well'.padEnd(LABEL)), `${well.join(', ')}`), '']),
    `${verdict}, with ${counted(notes.length, 'note')}.`,
    '',
  ].join('\n');
}

function lines(
  { id, what, means, todo }: Finding,
  label: string,
  terminal: Terminal,
): readonly string[] {
  return [
    ...block(label, `${what} [${id}]`),
    ...block('  means '.padEnd(LABEL), means).map((line) => terminal.dim(line)),
    ...block('  do '.padEnd(LABEL), todo),
    '',
  ];
}

function block(label: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(printable(text), WIDTH - LABEL);
  return [`${label}${first}`, ...rest.map((line) => ' '.repeat(LABEL) + line)];
}
