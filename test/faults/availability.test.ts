import { describe, expect, it, onTestFinished } from 'vitest';
import { countDuring, expectPromises } from '../support/fault-promises.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { redisMissing, until } from '../support/redis.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';

const TIMEOUT = 40_000;

/** The scene, and what stands between the gateways and the server. */
async function openRelayedScene() {
  let relay: TcpRelay | undefined;
  const scene = await openFaultScene({
    async portFor(redis) {
      relay = await startTcpRelay(redis.port);
      onTestFinished(() => relay?.close());
      return relay.port;
    },
  });
  if (relay === undefined) throw new Error('no relay');
  return { scene, relay };
}

describe.skipIf(redisMissing)(
  `R04 two gateways keep their promises while Redis ${redisMissing ?? ''}`,
  () => {
    it('is killed with -9 and comes back with its append-only file', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      const trial = await scene.trial({
        begin: () => scene.redis.kill(),
        lasts: 3500,
        end: () => scene.redis.start(),
      });
      expectPromises(trial, 'kill -9');
      expect(trial.isTakenBackDuring).toBe(false);
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
    });

    it('keeps what it acknowledged just before it was killed', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene();
      const trial = await scene.trial({
        takeBack: 'before',
        begin: () => scene.redis.kill(),
        lasts: 1000,
        end: () => scene.redis.start(),
      });
      expectPromises(trial, 'kill -9 right after an acknowledgement');
    });

    it('stands still (SIGSTOP) for longer than maxLag', { timeout: TIMEOUT }, async () => {
      const scene = await openFaultScene({ maxLag: 1000 });
      let told = '';
      const trial = await scene.trial({
        begin: () => scene.redis.pause(),
        lasts: 3000,
        async end() {
          for (const gateway of scene.gateways) {
            const ready = await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/readyz?verbose`);
            told += `${ready.status} ${await ready.text()} ${await gateway.metrics()}`;
          }
          scene.redis.resume();
        },
      });
      expectPromises(trial, 'SIGSTOP for 3 s, maxLag 1 s');
      expect(countDuring(trial, 503)).toBeGreaterThan(0);
      expect(told.match(/^200 |more than store\.maxLag \(1000 ms\)/gm)).toHaveLength(4);
      expect(told.match(/^gatehouse_revocation_lag_seconds [23]\./gm)).toHaveLength(2);
    });

    it('is away, and a route with serveStale goes on with what is remembered', {
      timeout: TIMEOUT,
    }, async () => {
      const scene = await openFaultScene({ maxLag: 1000 });
      await scene.redis.kill();
      await until('the gateways are late', async () =>
        (await scene.statusesOf('valid token')).every((status) => status === 503),
      );
      expect(await scene.statusesOf('valid key')).toEqual([503, 503]);
      expect(await scene.statusesOf('valid key', '/stale')).toEqual([200, 200]);
      expect(await scene.statusesOf('valid token', '/stale')).toEqual([200, 200]);
      expect(await scene.statusesOf('revoked subject', '/stale')).toEqual([401, 401]);
      expect(await scene.statusesOf('uncached keys', '/stale')).toEqual([503, 503]);
    });

    describe('is behind a network that', () => {
      it('cuts every connection for longer than maxLag', { timeout: TIMEOUT }, async () => {
        const { scene, relay } = await openRelayedScene();
        const trial = await scene.trial({ begin: () => relay.cut(), lasts: 3500, end: () => relay.mend() });
        expectPromises(trial, 'connections cut');
        expect(countDuring(trial, 503)).toBeGreaterThan(0);
      });

      it('cuts connections and lets them be made anew at once', { timeout: TIMEOUT }, async () => {
        const { scene, relay } = await openRelayedScene();
        const trial = await scene.trial({
          begin() {
            relay.cut();
            relay.mend();
          },
          lasts: 1000,
          end: () => undefined,
        });
        expectPromises(trial, 'connections reset once');
        expect(trial.isTakenBackDuring).toBe(true);
      });

      it('adds 300 ms to every answer, which nobody is refused for', { timeout: TIMEOUT }, async () => {
        const { scene, relay } = await openRelayedScene();
        const trial = await scene.trial({
          begin() {
            relay.delay = 150;
          },
          lasts: 2500,
          end() {
            relay.delay = 0;
          },
        });
        expectPromises(trial, '300 ms of latency');
        expect(trial.isTakenBackDuring).toBe(true);
        expect(countDuring(trial, 503)).toBe(0);
      });
    });
  },
);
