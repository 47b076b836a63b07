import { type ClientHttp2Session, connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecordView } from '../../src/admin/views.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { type FaultUpstream, SOUND_SUFFIX, startFaultUpstream } from '../support/fault-upstream.ts';
import { OK } from '../support/forwarding-scenario.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { tlsListener } from '../support/http2-client.ts';
import {
  openBlackHole,
  openBrokenTls,
  openClosedPort,
  openTls,
  type UnreachableTarget,
} from '../support/unreachable.ts';
import { type Expected, FAILED, type FaultRow, LATE, UPSTREAM_FAULTS } from '../support/upstream-faults.ts';
import { type Ask, askHttp1, askHttp2, type SeenAnswer, type SentBody } from '../support/whole-answer.ts';

const REQUESTS: readonly (readonly [method: string, body: SentBody])[] = [
  ['GET', 'none'],
  ['POST', 'sized'],
  ['POST', 'streamed'],
];

const authority = createCertificateAuthority();
const tls = tlsListener();

const UNREACHABLE: readonly {
  readonly id: FaultRow;
  readonly name: string;
  readonly open: () => Promise<UnreachableTarget>;
  readonly expected: Expected;
}[] = [
  { id: 'U07', name: 'refuses connections', open: openClosedPort, expected: FAILED },
  { id: 'U07', name: 'answers nothing, not even a refusal', open: openBlackHole, expected: LATE },
  {
    id: 'U12',
    name: 'does not go on with the handshake of TLS',
    open: () => openBrokenTls(''),
    expected: LATE,
  },
  {
    id: 'U12',
    name: 'answers the handshake of TLS in plain text',
    open: () => openBrokenTls('HTTP/1.1 400 No\r\n\r\n'),
    expected: FAILED,
  },
  {
    id: 'U12',
    name: 'has a certificate of another name',
    open: () => openTls(authority.issue('other', ['DNS:elsewhere.internal'])),
    expected: FAILED,
  },
  {
    id: 'U12',
    name: 'has a certificate that has expired',
    open: () => openTls(authority.issue('old', ['IP:127.0.0.1'], { days: -1 })),
    expected: FAILED,
  },
  {
    id: 'U12',
    name: 'has a certificate that nobody signed but itself',
    open: () => openTls(authority.issue('self', ['IP:127.0.0.1'], { isSelfSigned: true })),
    expected: FAILED,
  },
];

function timesOf(isSlow: boolean): Readonly<Record<string, string>> {
  return isSlow ? { connect: '300ms', headers: '300ms', idle: '300ms' } : { headers: '10s', idle: '10s' };
}

let gateway: TestGateway;
let session: ClientHttp2Session;
let clients: readonly (readonly [version: string, ask: Ask])[];
let closesOnReuse: FaultUpstream;
const faulty: FaultUpstream[] = [];
const unreachable: UnreachableTarget[] = [];

beforeAll(async () => {
  for (const fault of UPSTREAM_FAULTS) faulty.push(await startFaultUpstream(fault));
  for (const { open } of UNREACHABLE) unreachable.push(await open());
  closesOnReuse = await startFaultUpstream({
    act(socket, round, { startLine }) {
      if (round === 0 && !startLine.includes('/warm')) socket.destroy();
      else socket.write(OK);
    },
  });
  const upstreams = {
    ...Object.fromEntries(
      faulty.map(({ upstream }, index) => [
        `fault-${index}`,
        {
          targets: [upstream.origin],
          timeouts: timesOf(UPSTREAM_FAULTS[index]?.isSlow === true),
          health: { failures: 1 },
        },
      ]),
    ),
    ...Object.fromEntries(
      unreachable.map(({ origin }, index) => [
        `unreachable-${index}`,
        {
          targets: [origin],
          timeouts: timesOf(UNREACHABLE[index]?.expected === LATE),
          health: { failures: 1 },
          ...(origin.startsWith('https:') && { tls: { ca: authority.caPath } }),
        },
      ]),
    ),
    reuse: { targets: [closesOnReuse.upstream.origin] },
  };
  gateway = await startTestGateway(
    {
      listen: tls.listen,
      logging: { level: 'info', requests: 'none' },
      upstreams,
      routes: Object.keys(upstreams).map((name) => ({
        id: name,
        match: { path: `/${name}/**` },
        public: true,
        upstream: name,
      })),
    },
    { files: tls.files },
  );
  session = connect(`https://127.0.0.1:${gateway.port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  clients = [
    ['h1', askHttp1(gateway.port)],
    ['h2', askHttp2(session)],
  ];
});
afterAll(async () => {
  session.destroy();
  await gateway.stop();
  for (const { upstream } of [...faulty, closesOnReuse]) await upstream.close();
  for (const target of unreachable) await target.close();
  tls.authority.remove();
  authority.remove();
});

/** Nothing of what went wrong, nor where, is told to the client. */
function expectDiscreet({ fields, body }: SeenAnswer): void {
  expect(`${JSON.stringify(fields)}\n${body}`).not.toMatch(/127\.0\.0\.1|ECONN|UND_ERR|socket|Error|parse/);
}

function expectSeen(seen: SeenAnswer, expected: Expected): void {
  switch (expected.kind) {
    case 'failed':
      expect([seen.status, seen.isWhole]).toEqual([expected.status, true]);
      expect(JSON.parse(seen.body)).toMatchObject({
        code: expected.status === 504 ? 'upstream_timeout' : 'upstream_unavailable',
        decisionId: seen.fields['gatehouse-decision-id'],
      });
      expectDiscreet(seen);
      return;
    case 'broken':
      if (seen.status === 502 || seen.status === 504) expectDiscreet(seen);
      else expect(seen.isWhole).toBe(false);
      return;
    case 'whole':
      expect([seen.status, seen.body, seen.isWhole]).toEqual([expected.status, expected.body, true]);
  }
}

/** The codes that audit and metrics may have of it. */
function codesOf(expected: Expected): readonly string[] {
  if (expected.kind === 'whole') return ['admitted'];
  if (expected.kind === 'broken') return ['upstream_unavailable', 'upstream_timeout'];
  return [expected.status === 504 ? 'upstream_timeout' : 'upstream_unavailable'];
}

/** Each request is in the audit stream with its code and a reason, and counted as a failure of the upstream if it is one. */
async function expectRecorded(upstream: string, paths: readonly string[], expected: Expected): Promise<void> {
  const codes = codesOf(expected);
  let records: readonly AuditRecordView[] = [];
  await expect
    .poll(async () => {
      const answer = await gateway.admin<{ records: AuditRecordView[] }>('GET', '/v1/audit?limit=100');
      records = answer.records.filter(({ path }) => path !== undefined && paths.includes(path));
      return records.length;
    })
    .toBe(paths.length);
  for (const record of records) {
    expect(codes).toContain(record.code);
    if (record.code !== 'admitted') expect(record.reason).toMatch(/./);
  }
  const counts = await Promise.all(
    ['upstream_unavailable', 'upstream_timeout'].map((code) =>
      valueOf('gatehouse_upstream_failures_total', `upstream="${upstream}",code="${code}"`),
    ),
  );
  const failed = counts.reduce((sum, count) => sum + count, 0);
  expect(failed).toBe(expected.kind === 'whole' ? 0 : paths.length);
}

async function valueOf(metric: string, labels: string): Promise<number> {
  const line = (await gateway.metrics()).split('\n').find((each) => each.startsWith(`${metric}{${labels}}`));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

function isUp(upstream: string, target: string): Promise<number> {
  return valueOf('gatehouse_upstream_target_up', `upstream="${upstream}",target="${target}"`);
}

/** What comes next is the answer to what is asked next. */
async function expectSoundNext(ask: Ask, path: string): Promise<void> {
  const next = await ask('GET', `${path}${SOUND_SUFFIX}`, 'none');
  expect([next.status, next.body]).toEqual([200, `${path}${SOUND_SUFFIX}`]);
  expect(next.fields['x-forged']).toBeUndefined();
}

/** The faults of one row, by each client and with each body. */
function testFaults(row: FaultRow): void {
  const faults = UPSTREAM_FAULTS.map((fault, index) => ({ ...fault, index })).filter(({ id }) => id === row);
  it.each(faults)('that $name', async ({ index, expected, isSlow = false, isLate = false, isTargets }) => {
    const name = `fault-${index}`;
    const { upstream, seen } = faulty[index] ?? {};
    if (upstream === undefined || seen === undefined) throw new Error('no upstream');
    const paths: string[] = [];

    async function commit(ask: Ask, path: string, [method, body]: (typeof REQUESTS)[number]): Promise<void> {
      paths.push(path);
      expectSeen(await ask(method, path, body), expected);
      // Never sent twice.
      expect(seen?.(path)).toBe(1);
    }
    for (const [version, ask] of clients) {
      const pathOf = (body: SentBody) => `/${name}/${version}-${body}`;
      // What waits for a time limit waits together.
      if (isSlow) await Promise.all(REQUESTS.map((request) => commit(ask, pathOf(request[1]), request)));
      for (const request of REQUESTS) {
        const path = pathOf(request[1]);
        if (!isSlow) await commit(ask, path, request);
        if (paths.length === 1) expect(await isUp(name, upstream.origin)).toBe(isTargets ? 0 : 1);
        if (isLate) await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
        await expectSoundNext(ask, path);
      }
    }
    await expectRecorded(name, paths, expected);
    expect(await isUp(name, upstream.origin)).toBe(1);
  });
}

function testUnreachable(row: FaultRow): void {
  const targets = UNREACHABLE.map((target, index) => ({ ...target, index })).filter(({ id }) => id === row);
  it.each(targets)('that $name', async ({ index, expected }) => {
    const name = `unreachable-${index}`;
    const paths = await Promise.all(
      clients.flatMap(([version, ask]) =>
        REQUESTS.map(async ([method, body]) => {
          const path = `/${name}/${version}-${body}`;
          expectSeen(await ask(method, path, body), expected);
          return path;
        }),
      ),
    );
    await expectRecorded(name, paths, expected);
    expect(await isUp(name, unreachable[index]?.origin ?? '')).toBe(0);
  });
}

describe('U01 an upstream', () => testFaults('U01'));
describe('U04 an upstream', () => testFaults('U04'));
describe('U05 an upstream', () => testFaults('U05'));
describe('U07 an upstream', () => {
  testFaults('U07');
  testUnreachable('U07');
});
describe('U08 an upstream', () => testFaults('U08'));
describe('U10 an upstream', () => testFaults('U10'));
describe('U11 an upstream', () => testFaults('U11'));
describe('U12 an upstream', () => testUnreachable('U12'));

it('U07 an upstream that closes a kept connection as it is used again gets GET once more, and POST never', async () => {
  for (const [version, ask] of clients) {
    for (const [method, body] of REQUESTS) {
      const path = `/reuse/${version}-${body}`;
      expect((await ask('GET', `${path}/warm`, 'none')).status).toBe(200);
      const answer = await ask(method, path, body);
      const isRepeated = method === 'GET';
      expect([answer.status, closesOnReuse.seen(path)]).toEqual(isRepeated ? [200, 2] : [502, 1]);
    }
  }
});
