import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import type { LiveListenerSettings } from '../programs/live-listener.js';
import { eventually } from '../support/eventually.js';
import { failoverRig } from '../support/failover-rig.js';
import { historyIds } from '../support/history-dump.js';
import { readJournal } from '../support/journal.js';
import { Proxy } from '../support/proxy.js';
import { SteppedClock } from '../support/stepped-clock.js';
import { TestProcess } from '../support/test-process.js';
import { recordOf } from '../support/test-record.js';
import { FailoverStage } from './failover-stage.js';

jest.setTimeout(120_000);

const HALF_AN_HOUR_MS = 1_800_000;
const PATTERN = 'price.changed';

const clocks = [await SteppedClock.make(), await SteppedClock.make()];
const environments = clocks.flatMap((clock) => (clock === undefined ? [] : [clock.environment]));

(environments.length < 2 ? describe.skip : describe)('a new primary whose clock is', () => {
  const rig = failoverRig({ replicas: 1, sentinels: 0, environments });
  afterAll(() => clocks.forEach((clock) => clock?.close()));

  /** By server. */
  const aheadMs = [0, 0];

  function setReplica(fromPrimaryMs: number): void {
    const replica = rig.servers.servers.findIndex((server) => server !== rig.servers.primary);
    step(replica, (aheadMs[1 - replica] ?? 0) + fromPrimaryMs - (aheadMs[replica] ?? 0));
  }

  function step(server: number, ms: number): void {
    clocks[server]?.step(ms);
    aheadMs[server] = (aheadMs[server] ?? 0) + ms;
  }

  /** A live listener, and events for it until they are stopped. */
  async function liveEvents(url: string): Promise<{
    told: () => string[];
    gaps: () => string[];
    untilMore: (many: number) => Promise<void>;
    stop: () => Promise<void>;
  }> {
    const directory = await mkdtemp(join(tmpdir(), 'live-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
    const journal = join(directory, 'journal');
    const { prefix } = rig;
    const settings: LiveListenerSettings = {
      ...{ url, prefix, journal },
      pattern: PATTERN,
      maxLength: 1_000_000,
    };
    rig.closeLater(await TestProcess.start('programs/live-listener.js', settings));
    const client = rig.client({ connection: url });
    let isEmitting = true;
    let emitted = 0;
    const emitting = (async () => {
      while (isEmitting) {
        const id = `live-${(emitted += 1)}`;
        await lastValueFrom(client.emit(PATTERN, recordOf({ id }).build())).catch(() => pause(50));
        await pause(3);
      }
    })();
    const idsOf = (event: string): string[] =>
      readJournal(journal)
        .filter((entry) => entry.event === event)
        .map(({ id, reason }) => reason ?? id);
    const stop = async (): Promise<void> => {
      isEmitting = false;
      await emitting;
    };
    rig.closeLater({ close: stop });
    const told = (): string[] => idsOf('told');
    const untilMore = async (many: number): Promise<void> => {
      const before = told().length;
      await eventually(() => expect(told().length).toBeGreaterThan(before + many), 20_000);
    };
    return { told, gaps: () => idsOf('gap'), untilMore, stop };
  }

  test.each([
    ['behind', -HALF_AN_HOUR_MS],
    ['ahead', HALF_AN_HOUR_MS],
  ])(
    '%s takes no lease and loses no message, and live listeners hear all that it has',
    async (_, ms) => {
      setReplica(ms);
      const name = rig.closeLater(await Proxy.start(rig.servers.primary.port));
      const stage = await FailoverStage.open(rig, name.url);
      const [one, other] = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
      const live = await liveEvents(name.url);
      stage.startSending();
      await stage.untilBusy();
      await live.untilMore(20);
      // One dies and holds something, at the wrong moment.
      other.letGo();
      // The other one takes some as well, and lets them go.
      let held = 0;
      await eventually(async () => {
        await stage.stage.send({ id: `h${(held += 1)}`, holds: true });
        expect(one.journal.some(({ id }) => id.startsWith('h'))).toBe(true);
      });
      const delayed = stage.stage.ledger.send('later', () =>
        lastValueFrom(
          stage.stage.client.enqueue(
            stage.stage.queue,
            recordOf({ id: 'later' }).delay(300_000).build(),
          ),
        ),
      );
      expect(await delayed).toBe('confirmed');
      await rig.servers.untilInSync();
      await one.kill();

      const promoted = await rig.servers.promoteBeside();
      // What the old one still takes is lost, and the listener has heard it.
      await live.untilMore(20);
      name.leadTo(promoted.port);
      name.cut();
      await stage.untilGoingOn();
      await live.untilMore(50);
      await live.stop();
      await stage.stopSending();

      // The delayed message is due, by whichever clock.
      step(rig.servers.servers.indexOf(promoted), 2 * HALF_AN_HOUR_MS);
      await rig.servers.heal();
      await stage.untilAtRest();
      stage.closeRound(promoted);
      const kept = await historyIds(rig.commands, rig.prefix, PATTERN);
      const unheard = (): string[] => {
        const heard = new Set(live.told());
        return kept.filter((id) => !heard.has(id));
      };
      await eventually(() => expect(unheard()).toEqual([]));
      const told = live.told();
      expect(told.length).toBeGreaterThan(kept.length);
      expect(new Set(told).size).toBe(told.length);
      expect(live.gaps()).toEqual([]);
      await stage.closeConsumers();
    },
  );
});
