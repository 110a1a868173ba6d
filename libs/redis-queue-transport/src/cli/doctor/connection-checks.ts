import { ROLES } from '../../core/admin/inspection.js';
import type { MissingPermission, Role } from '../../core/admin/inspection.js';
import { durationText } from '../words/duration.js';
import type { Check, Patient } from './check.js';
import { note, wrong } from './finding.js';
import type { Finding } from './finding.js';

const MOST_APART_MS = 5_000;
const SLOW_MS = 50;

const encryption: Check = {
  name: 'TLS and password',
  run: async ({ inspection }) => {
    const { isEncrypted, isLocal, hasPassword } = inspection.way;
    const findings: Finding[] = [];
    if (!isEncrypted && !isLocal)
      findings.push(
        wrong(
          'no-tls',
          'The connection goes over the network without TLS.',
          'Anyone on the way can read and change all messages, and read the password.',
          'Let Redis listen with TLS (tls-port), and connect with rediss://.',
        ),
      );
    if (!hasPassword && ((await inspection.user()) ?? 'default') === 'default')
      findings.push(
        (isLocal ? note : wrong)(
          'no-password',
          'Redis lets everybody in: the default user has no password.',
          'Anyone who can reach it can read and remove every message.',
          'Create users as shown in docs/permissions.md, and switch the default user off.',
        ),
      );
    return findings;
  },
};

const clock: Check = {
  name: 'clock',
  run: ({ clock: { aheadMs, roundTripMs } }) => {
    const findings: Finding[] = [];
    if (Math.abs(aheadMs) > MOST_APART_MS + roundTripMs)
      findings.push(
        wrong(
          'clock',
          `Redis’s clock is ${durationText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the one of this machine.`,
          'Leases and delays use Redis’s clock, so they are right. Times that programs give or read (deliverAt, sent, died) are off.',
          'Let both machines set their clocks by NTP.',
        ),
      );
    if (roundTripMs > SLOW_MS)
      findings.push(
        note(
          'slow',
          `A round trip from here to Redis takes ${durationText(roundTripMs)}.`,
          'Each message costs a few such round trips when a queue is nearly empty.',
          'Run services near their Redis, and use redis-cli --latency and SLOWLOG GET to see what keeps it busy.',
        ),
      );
    return findings;
  },
};

const permissions: Check = {
  name: 'permissions',
  run: async ({ inspection, role }) => {
    if (role !== undefined) return lacking(role, await inspection.missingFor(role));
    let nearest:
      { readonly role: Role; readonly missing: readonly MissingPermission[] } | undefined;
    for (const one of ROLES) {
      const missing = await inspection.missingFor(one);
      if (missing.length === 0) return [];
      if (nearest === undefined || missing.length < nearest.missing.length)
        nearest = { role: one, missing };
    }
    return nearest === undefined ? [] : lacking(nearest.role, nearest.missing);
  },
};

function lacking(role: Role, missing: readonly MissingPermission[]): readonly Finding[] {
  if (missing.length === 0) return [];
  const rules = missing.map(({ rule }) => rule).join(' ');
  return [
    wrong(
      'permissions',
      `To be a ${role}, the user of Redis lacks: ${rules}`,
      'Redis refuses whatever needs them (NOPERM): calls fail, or a consumer takes nothing.',
      'Give the user these rules: docs/permissions.md has a user for each role. If it is meant for another role, add --role.',
    ),
  ];
}

/** The roles that the user of Redis can fill. */
export async function rolesOf({
  inspection,
}: Pick<Patient, 'inspection'>): Promise<readonly Role[]> {
  const able: Role[] = [];
  for (const role of ROLES) if ((await inspection.missingFor(role)).length === 0) able.push(role);
  return able;
}

export const CONNECTION_CHECKS: readonly Check[] = [encryption, clock, permissions];
