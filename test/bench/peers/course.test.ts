import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../bench/measure/lab.ts';
import { measurePeers } from '../../../bench/peers/course.ts';
import { haproxyJwt } from '../../../bench/peers/paths/haproxy.ts';
import { type PeerPath, programPath } from '../../../bench/peers/peer-path.ts';
import { nodeProcess } from '../../../bench/targets/node-process.ts';
import { findProgram } from '../../../scripts/packages.ts';

const onLinux = test.skipIf(process.platform !== 'linux');
const bare = nodeProcess('bare', 'pass-through');

let lab: Lab;
beforeAll(async () => {
  if (process.platform === 'linux') lab = await openLab();
});
afterAll(() => lab?.close());

function pathOf(name: string, further: Partial<PeerPath> = {}): PeerPath {
  return { target: nodeProcess(name, name), work: undefined, needs: [], webSockets: true, ...further };
}

onLinux(
  'a path is measured with each kind of load; what it does not stand is named, and the others go on',
  { timeout: 60_000 },
  async () => {
    const plan = {
      connections: 4,
      warmUpSeconds: 0.1,
      getSeconds: 1,
      halfLoadSeconds: 1,
      otherSeconds: 1,
      windowMs: 50,
      sliceMs: 300,
      startUps: 2,
      idleConnections: 150,
    };
    const broken: PeerPath = {
      ...pathOf('bare'),
      target: { ...bare, name: 'broken', prepare: () => ({ command: 'false', args: [] }) },
    };
    const [proxy, other, failed] = await measurePeers(
      lab,
      [pathOf('fastify-http-proxy'), pathOf('bare'), broken],
      plan,
      () => {},
    );
    for (const kind of ['get', 'post', 'download', 'webSocket'] as const) {
      const windows = proxy?.measured[kind].all ?? [];
      expect(windows.reduce((sum, { responses }) => sum + responses, 0)).toBeGreaterThan(0);
    }
    const { halfLoad: stalled, ...faults } = proxy?.faults ?? {};
    expect(faults).toEqual({});
    expect(proxy).toMatchObject({ processes: 1, idle: { connections: 150 } });
    expect(proxy?.startUpsMs).toHaveLength(2);
    // The one slice was measured, or on a busy machine it is said that it was not.
    expect(proxy?.halfLoad.latencies).toHaveLength(stalled === undefined ? 1 : 0);
    expect(other?.faults.webSocket).toMatch(/handshake|closed|failed/);
    expect(other?.idle?.connections).toBe(150);
    expect(failed?.failure).toContain('exited with 1');
  },
);

onLinux('a target that lets a wrong credential pass is not measured', async () => {
  const lax = {
    ...bare,
    prepare: async (given: Parameters<typeof bare.prepare>[0]) => ({
      ...(await bare.prepare(given)),
      refused: {},
    }),
  };
  await expect(lab.launch(lax)).rejects.toThrow('answered a wrong credential with 200');
});

onLinux('a process beside the target that does not start fails the target', async () => {
  const beside = {
    ...bare,
    prepare: async (given: Parameters<typeof bare.prepare>[0]) => ({
      ...(await bare.prepare(given)),
      besides: [{ command: 'sh', args: ['-c', 'echo "no such key" >&2; exit 3'] }],
    }),
    faultIn: () => 'without the identity',
  };
  await expect(lab.launch(beside)).rejects.toThrow(/exited with 3: no such key|without the identity/);
});

test
  .skipIf(process.platform !== 'linux' || findProgram('haproxy') === undefined)
  .each(['HS256', 'ES256'] as const)(
  'HAProxy forwards who a %s token is of, takes the token out, and refuses a forged one',
  async (algorithm) => {
    const haproxy = { kind: 'found', path: findProgram('haproxy') ?? '', version: '' } as const;
    const running = await lab.launch(haproxyJwt(algorithm, programPath({ haproxy })).target);
    expect(running.processes).toHaveLength(1);
    await running.stop();
  },
);
