import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { eventually } from '../support/authentication.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { connectRaw, parseAnswer, type RawClient } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const clients: RawClient[] = [];
async function connect(attacked: AttackedGateway): Promise<RawClient> {
  const client = await connectRaw(attacked.gateway.port);
  clients.push(client);
  return client;
}
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

describe('L03 a client that sends slowly', () => {
  let attacked: AttackedGateway;
  beforeAll(async () => {
    attacked = await startAttackedGateway((config) => ({
      ...config,
      limits: { headerTimeout: '300ms', bodyIdle: '300ms', keepAlive: '300ms' },
    }));
  });
  afterAll(() => attacked.close());
  beforeEach(() => attacked.forget());

  it.each([
    ['nothing at all', ''],
    ['half a request line', 'GET /pub'],
    ['half a head', 'GET /public/x HTTP/1.1\r\nHost: gw.test\r\nX-A: '],
    [
      'half a head behind a whole request',
      requestOf('GET /public/whole').replace('Connection: close\r\n', '') + 'GET /',
    ],
  ])('%s is cut off, while others are served', async (_, bytes) => {
    const client = await connect(attacked);
    client.send(bytes);
    const meanwhile = await attacked.gateway.raw(requestOf('GET /public/meanwhile'));
    expect(meanwhile.status).toBe(200);
    expect(client.socket.closed).toBe(false);
    await client.closed();
    const text = client.received().toString('latin1');
    const refusal = parseAnswer(Buffer.from(text.slice(text.lastIndexOf('HTTP/1.1 408')), 'latin1'));
    const record = await attacked.gateway.auditOf(refusal);
    expect(record).toMatchObject({ decision: 'denied', code: 'request_timeout', status: 408 });
    await attacked.expectAlive();
  });

  it('a head byte by byte is cut off by the clock, not by the pause', async () => {
    const client = await connect(attacked);
    client.send('GET /public/x HTTP/1.1\r\nHost: gw.test\r\nX-A: ');
    const drip = setInterval(() => client.send('a'), 50);
    await client.closed();
    clearInterval(drip);
    expect(parseAnswer(client.received()).status).toBe(408);
    attacked.expectNothingSent();
    await attacked.expectAlive();
  });

  it.each([
    ['a small body', 'Content-Length: 10', 'abc', 0],
    ['a small chunked body', 'Transfer-Encoding: chunked', '3\r\nabc\r\n', 1],
    ['a large body', 'Content-Length: 1000000', 'abc', 1],
  ])('%s that stops is cut off; the upstream gets no whole request', async (_, framing, start, heads) => {
    const client = await connect(attacked);
    client.send(
      `POST /api/slow HTTP/1.1\r\nHost: gw.test\r\nX-API-Key: ${attacked.acme.key}\r\n${framing}\r\n\r\n${start}`,
    );
    expect((await attacked.gateway.raw(requestOf('GET /nowhere'))).status).toBe(404);
    await client.closed();
    const answer = parseAnswer(client.received());
    expect([answer.status, answer.field('connection')]).toEqual([408, 'close']);
    expect(await attacked.gateway.auditOf(answer)).toMatchObject({
      decision: 'denied',
      code: 'request_timeout',
    });
    expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    expect(attacked.upstream.requests.length).toBeLessThanOrEqual(heads);
    await attacked.upstream.until(
      () => attacked.upstream.connections.at(-1)?.isClosed !== false || heads === 0,
    );
    await attacked.expectAlive();
  });

  it('a refused request whose small body never comes does not hold the connection for ever', async () => {
    const client = await connect(attacked);
    client.send('POST /api/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\nabc');
    await client.closed();
    await attacked.expectRefused(parseAnswer(client.received()), 401, 'credential_missing');
  });

  it('hundreds of connections that say nothing keep nobody out', async () => {
    const idle = await Promise.all(Array.from({ length: 300 }, () => connect(attacked)));
    await attacked.expectAlive();
    await Promise.all(idle.map((client) => client.closed()));
    await attacked.expectAlive();
  });
});

describe('L05 a peer that guesses', () => {
  it('is stopped after its budget, however it spreads X-Forwarded-For, and public routes go on', async () => {
    const attacked = await startAttackedGateway((config) => ({
      ...config,
      limits: { failedCredentials: '5/h' },
    }));
    try {
      attacked.forget();
      const statuses: number[] = [];
      for (let n = 0; n < 8; n += 1) {
        const answer = await attacked.gateway.raw(
          wrong(n, [`X-Forwarded-For: 10.0.0.${n}`, `X-Real-IP: 10.0.0.${n}`, `Forwarded: for=10.0.0.${n}`]),
        );
        statuses.push(answer.status);
      }
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
      // A right key is not looked at either: that it is right would be told by the answer.
      const answer = await attacked.gateway.raw(requestOf('GET /api/x', [`X-API-Key: ${attacked.acme.key}`]));
      const record = await attacked.expectRefused(answer, 429, 'too_many_failures');
      expect(Number(answer.field('retry-after'))).toBeGreaterThan(0);
      expect(record).toMatchObject({ peer: '127.0.0.1' });
      expect(record.credential).toBeUndefined();
    } finally {
      await attacked.close();
    }
  });

  it('behind a trusted proxy uses up its own budget, not that of the proxy or of others', async () => {
    const attacked = await startAttackedGateway((config) => ({
      ...config,
      limits: { failedCredentials: '3/h' },
      trustedProxies: ['127.0.0.1/32'],
    }));
    try {
      for (let n = 0; n < 5; n += 1)
        await attacked.gateway.raw(wrong(n, [`X-Forwarded-For: 10.0.0.${n}, 203.0.113.7`]));
      attacked.forget();
      const key = `X-API-Key: ${attacked.acme.key}`;
      const guesser = await attacked.gateway.raw(
        requestOf('GET /api/x', [key, 'X-Forwarded-For: 203.0.113.7']),
      );
      await attacked.expectRefused(guesser, 429, 'too_many_failures');
      const other = await attacked.gateway.raw(
        requestOf('GET /api/l05', [key, 'X-Forwarded-For: 203.0.113.8']),
      );
      await attacked.expectForwarded(other);
      // One who has an IPv6 address has all of its /64.
      for (let n = 0; n < 5; n += 1)
        await attacked.gateway.raw(wrong(n, [`X-Forwarded-For: 2001:db8:1:2::${n}`]));
      attacked.forget();
      const neighbour = await attacked.gateway.raw(
        requestOf('GET /api/x', [key, 'X-Forwarded-For: 2001:db8:1:2:9::1']),
      );
      await attacked.expectRefused(neighbour, 429, 'too_many_failures');
    } finally {
      await attacked.close();
    }
  });

  it('is not everybody: missing, expired, revoked and ambiguous credentials use up nothing', async () => {
    const attacked = await startAttackedGateway((config) => ({
      ...config,
      limits: { failedCredentials: '1/h' },
    }));
    try {
      const revoked = await attacked.gateway.issueKey('acme');
      await attacked.gateway.admin('POST', `/v1/keys/${revoked.id}/revoke`, {});
      const right = `X-API-Key: ${attacked.acme.key}`;
      for (const fields of [
        [],
        [`X-API-Key: ${revoked.key}`],
        [right, 'X-API-Key: b'],
        [right, 'Authorization: Bearer x'],
      ])
        for (let n = 0; n < 3; n += 1) await attacked.gateway.raw(requestOf('GET /api/x', fields));
      attacked.forget();
      await attacked.expectForwarded(await attacked.gateway.raw(requestOf('GET /api/l05-right', [right])));
    } finally {
      await attacked.close();
    }
  });
});

describe('L10 a gateway that stops', () => {
  it('lets a request in flight finish, takes no new one, and cuts what does not end in time', async () => {
    let answer: (() => void) | undefined;
    const slow = await startRawUpstream((socket, request) => {
      if (request.startLine.includes('never')) return;
      answer = () => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    });
    const attacked = await startAttackedGateway((config, origin) => ({
      ...config,
      shutdown: { drain: '1s' },
      upstreams: { open: { targets: [slow.origin] }, api: { targets: [origin] } },
    }));
    try {
      const finishing = await connect(attacked);
      finishing.send('GET /public/finishing HTTP/1.1\r\nHost: gw.test\r\n\r\n');
      const hanging = await connect(attacked);
      hanging.send('GET /public/never HTTP/1.1\r\nHost: gw.test\r\n\r\n');
      const idle = await connect(attacked);
      await slow.until(() => slow.requests.length === 2 && answer !== undefined);
      const stopped = attacked.gateway.gateway.stop();
      await idle.closed();
      await expect(connectRaw(attacked.gateway.port)).rejects.toThrow(/ECONNREFUSED/);
      answer?.();
      await finishing.closed();
      expect(parseAnswer(finishing.received()).status).toBe(200);
      expect(finishing.received().toString()).toMatch(/late$/);
      await hanging.closed();
      expect(hanging.received().length).toBe(0);
      await stopped;
      expect(attacked.gateway.log()).toContain('connections were cut');
      expect(attacked.gateway.log()).toContain('"path":"/public/finishing"');
    } finally {
      await attacked.close();
      await slow.close();
    }
  });
});

describe('L10 an upload', () => {
  it('that is under way when the gateway is told to end arrives whole, and is answered', async () => {
    const attacked = await startAttackedGateway((config) => ({ ...config, shutdown: { drain: '5s' } }));
    try {
      attacked.forget();
      const half = 'a'.repeat(100_000);
      const client = await connect(attacked);
      client.send(
        `POST /api/upload HTTP/1.1\r\nHost: gw.test\r\nX-API-Key: ${attacked.acme.key}\r\nContent-Length: 200000\r\n\r\n${half}`,
      );
      await attacked.upstream.until(() => attacked.upstream.requests[0]?.body.length === half.length);
      const stopped = attacked.gateway.gateway.stop();
      await expect
        .poll(() =>
          connectRaw(attacked.gateway.port).then(
            () => 'open',
            () => 'closed',
          ),
        )
        .toBe('closed');
      client.send(half);
      await client.closed();
      expect(parseAnswer(client.received()).status).toBe(200);
      const forwarded = await attacked.upstream.request(0);
      expect([forwarded.isComplete, forwarded.body.toString()]).toEqual([true, half + half]);
      await stopped;
      expect(attacked.gateway.log()).toContain('"path":"/api/upload"');
    } finally {
      await attacked.close();
    }
  });
});

describe('U12 an upstream whose certificate nobody vouches for', () => {
  it('is 502, and the answer says nothing of it; the log does', async () => {
    const authority = createCertificateAuthority();
    const { cert, key } = authority.issue('upstream', ['IP:127.0.0.1']);
    const secure = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', {
      tls: { cert, key },
    });
    const attacked = await startAttackedGateway((config, origin) => ({
      ...config,
      upstreams: { open: { targets: [origin] }, api: { targets: [secure.origin] } },
    }));
    try {
      const answer = await attacked.gateway.raw(
        requestOf('GET /api/u12', [`X-API-Key: ${attacked.acme.key}`]),
      );
      expect(answer.status).toBe(502);
      expect(`${answer.head}${answer.body.toString()}`).not.toMatch(
        /127\.0\.0\.1|certificate|issuer|tls|ssl/i,
      );
      expect(secure.requests).toEqual([]);
      const record = await attacked.gateway.auditOf(answer);
      expect(record).toMatchObject({ decision: 'failed', code: 'upstream_unavailable', status: 502 });
      expect(record.reason).toMatch(/certificate/i);
      await attacked.expectAlive();
      await eventually(
        () => attacked.gateway.log().includes('"code":"upstream_unavailable"'),
        'the line in the log',
      );
    } finally {
      await attacked.close();
      await secure.close();
      authority.remove();
    }
  });
});

function wrong(n: number, fields: readonly string[] = []): string {
  return requestOf('GET /api/x', [`X-API-Key: guess-${n}`, ...fields]);
}
