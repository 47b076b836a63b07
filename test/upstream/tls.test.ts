import { afterAll, expect, test } from 'vitest';
import { createCertificateAuthority } from '../support/certificates.ts';
import { clientFor, gatewayFor, OK, scenario } from '../support/forwarding-scenario.ts';

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority();
afterAll(() => {
  authority.remove();
  stranger.remove();
});

const good = authority.issue('good', ['IP:127.0.0.1', 'DNS:orders.internal']);
const misnamed = authority.issue('misnamed', ['DNS:elsewhere.internal']);
const unknown = stranger.issue('unknown', ['IP:127.0.0.1']);
const client = authority.issue('client', ['DNS:gateway']);
const trusted = { tls: { ca: authority.caPath } };

test('a target whose certificate is signed by the configured authority and names it is reached', async () => {
  const { ask, upstream } = await scenario(OK, { upstream: trusted, raw: { tls: good } });
  expect((await ask('GET /')).status).toBe(200);
  expect(upstream.origin).toMatch(/^https:/);
});

test.each([
  ['of an unknown authority', unknown, trusted],
  ['of another name', misnamed, trusted],
  ['that no configured authority vouches for', good, {}],
  ['of another name than serverName', good, { tls: { ca: authority.caPath, serverName: 'other.internal' } }],
])('a target with a certificate %s gets no byte of a request', async (_what, certificate, upstream) => {
  const fixture = await scenario(OK, { upstream, raw: { tls: certificate } });
  const answer = await fixture.ask('GET /');
  expect([answer.status, answer.body.toString()]).toEqual([502, 'upstream_unavailable']);
  expect(fixture.upstream.requests).toEqual([]);
});

test('serverName is the name that is asked for and verified', async () => {
  const asked: string[] = [];
  const { ask } = await scenario(OK, {
    upstream: { tls: { ca: authority.caPath, serverName: 'orders.internal' } },
    raw: {
      tls: {
        ...good,
        SNICallback: (name, done) => {
          asked.push(name);
          done(null);
        },
      },
    },
  });
  expect((await ask('GET /')).status).toBe(200);
  expect(asked).toEqual(['orders.internal']);
});

test("a client's Host neither changes the verified name nor costs a connection", async () => {
  const { gateway, upstream } = await scenario(OK, {
    upstream: trusted,
    raw: { tls: good },
    fieldsFor: (_target, received) => ['Host', received.headers.host ?? ''],
  });
  for (const host of ['elsewhere.internal', 'evil.test', 'elsewhere.internal']) {
    const peer = await clientFor(gateway);
    peer.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await peer.until((text) => text.endsWith('ok'));
  }
  expect(upstream.requests.map((request) => request.field('host'))).toEqual([
    'elsewhere.internal',
    'evil.test',
    'elsewhere.internal',
  ]);
  expect(upstream.connections).toHaveLength(1);
});

test('the client certificate is shown to an upstream that asks for it', async () => {
  const demanding = { ...good, ca: authority.ca, requestCert: true, rejectUnauthorized: true };
  const shown = { tls: { ca: authority.caPath, cert: client.certPath, key: client.keyPath } };
  const { ask, upstream } = await scenario(OK, { upstream: shown, raw: { tls: demanding } });
  expect((await ask('GET /')).status).toBe(200);
  const without = await gatewayFor({ upstream: { targets: [upstream.origin], ...trusted } });
  const peer = await clientFor(without);
  peer.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await peer.until((text) => text.startsWith('HTTP/1.1 502 '));
});

test('TLS 1.1 is not spoken', async () => {
  const old = {
    ...good,
    minVersion: 'TLSv1' as const,
    maxVersion: 'TLSv1.1' as const,
    ciphers: 'ALL@SECLEVEL=0',
  };
  const { ask, upstream } = await scenario(OK, { upstream: trusted, raw: { tls: old } });
  expect((await ask('GET /')).status).toBe(502);
  expect(upstream.requests).toEqual([]);
});
