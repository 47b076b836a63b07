import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, openAuthentication, principalOf } from '../support/authentication.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { createSigningKey, signToken, startIssuer } from '../support/issuer.ts';
import { issuerEntry, openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

async function expectAdmitted(): Promise<void> {
  const token = await signToken(bench.key, bench.claims());
  expect(principalOf(await bench.gate.bearer(token)).subject).toBe('user:login:4711');
}

async function expectOutage(claims: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const token = await signToken(bench.key, bench.claims(claims));
  await expect(bench.gate.bearer(token)).rejects.toMatchObject({ code: 'issuer_unavailable' });
}

describe('discovery', () => {
  it('reads OpenID Connect metadata', async () => {
    await bench.reopen({ keys: 'discover' });
    await expectAdmitted();
    expect(bench.issuer.requests.slice(-2)).toEqual(['GET /.well-known/openid-configuration', 'GET /jwks']);
  });

  it('reads the metadata of RFC 8414 where there is no other', async () => {
    bench.issuer.missing.add('/.well-known/openid-configuration');
    await bench.reopen({ keys: 'discover' });
    await expectAdmitted();
    expect(bench.issuer.requests.slice(-2)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'GET /jwks',
    ]);
  });

  it('appends to the path of an issuer for OpenID Connect, and inserts before it for RFC 8414', async () => {
    const url = `${bench.issuer.url}/realms/acme`;
    bench.issuer.metadata = { issuer: url };
    bench.issuer.missing.add('/realms/acme/.well-known/openid-configuration');
    await bench.reopen({ issuer: url, keys: 'discover' });
    const token = await signToken(bench.key, bench.claims({ iss: url }));
    expect((await bench.gate.bearer(token)).ok).toBe(true);
    expect(bench.issuer.requests.slice(-3)).toEqual([
      'GET /realms/acme/.well-known/openid-configuration',
      'GET /.well-known/oauth-authorization-server/realms/acme',
      'GET /jwks',
    ]);
  });

  it.each([
    ['of another issuer', { issuer: 'https://evil.example' }],
    ['without a jwks_uri', { jwks_uri: undefined }],
    ['with a jwks_uri that is no web address', { jwks_uri: 'file:///etc/passwd' }],
  ])('believes no metadata %s', async (_what, metadata) => {
    bench.issuer.metadata = metadata;
    await bench.reopen({ keys: 'discover' });
    await expectOutage();
    expect(bench.issuer.count('GET /jwks')).toBe(1);
  });
});

describe('keys of an issuer', () => {
  it('are fetched in the background: opening waits for nobody, and every token at first shares one fetch', async () => {
    await bench.reopen({});
    const tokens = await Promise.all(Array.from({ length: 20 }, () => signToken(bench.key, bench.claims())));
    const results = await Promise.all(tokens.map((token) => bench.gate.bearer(token)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(bench.issuer.count('GET /jwks')).toBe(2);
  });

  it('are unknown, not absent, when a key is not known and the issuer cannot be asked', async () => {
    await expectAdmitted();
    const stranger = await createSigningKey('ES256', 'new');
    bench.issuer.behaviour = 'down';
    bench.gate.time.now += 30_000;
    await expect(bench.gate.bearer(await signToken(stranger, bench.claims()))).rejects.toMatchObject({
      code: 'issuer_unavailable',
    });
    await expectAdmitted();
  });

  it('that are known serve while a fetch for another one hangs', async () => {
    await expectAdmitted();
    const stranger = await createSigningKey('ES256', 'new');
    bench.issuer.behaviour = 'stalled';
    bench.gate.time.now += 30_000;
    let isAnswered = false;
    const waiting = bench.gate
      .bearer(await signToken(stranger, bench.claims()))
      .catch(() => undefined)
      .finally(() => (isAnswered = true));
    await eventually(() => bench.issuer.count('GET /jwks') === 2, 'the fetch began');
    await expectAdmitted();
    expect(isAnswered).toBe(false);
    await bench.gate.close();
    await waiting;
  });

  it('are told of in the status: how many, how old, and whether the last fetch failed', async () => {
    await expectAdmitted();
    bench.gate.time.now += 5000;
    expect(bench.gate.authentication.status().issuers).toEqual([
      { name: 'login', keys: { keys: 2, ageMilliseconds: 5000, isUsable: true, isFailing: false } },
    ]);
    bench.issuer.behaviour = 'html';
    await bench.reopen({});
    await expectOutage();
    expect(bench.gate.authentication.status().issuers).toEqual([
      { name: 'login', keys: { keys: 0, isUsable: false, isFailing: true } },
    ]);
    expect(bench.gate.metrics.counts).toContain('keyFetch login failed');
    expect(bench.gate.logged()).toContain('is not JSON in UTF-8');
  });
});

describe('keys in a file', () => {
  it('are read again when the file changes, also behind a symlink that is swapped', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-jwks-'));
    try {
      const [first, second, link] = ['first', 'second', 'jwks.json'].map((name) =>
        path.join(folder, name),
      ) as [string, string, string];
      await writeFile(first, JSON.stringify({ keys: [] }));
      await writeFile(second, JSON.stringify({ keys: [bench.key.publicJwk] }));
      await symlink(first, link);
      await bench.reopen({ keys: { jwksFile: link }, cooldown: '10h' });
      await bench.expectInvalid(await signToken(bench.key, bench.claims()), /no such key/);
      await symlink(second, `${link}.next`);
      await rename(`${link}.next`, link);
      await eventually(
        async () => (await bench.gate.bearer(await signToken(bench.key, bench.claims()))).ok,
        'the new key',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that is not there are an outage', async () => {
    await bench.reopen({ keys: { jwksFile: '/nonexistent/jwks.json' } });
    await expectOutage();
  });
});

function openWithAuthority(ca: string): unknown {
  return openAuthentication({ issuers: { login: { ...issuerEntry('https://login.example'), tls: { ca } } } });
}

describe('TLS towards an issuer', () => {
  it('is verified, by the configured authority where there is one', async () => {
    const authority = createCertificateAuthority();
    const secure = await startIssuer(authority.issue('issuer', ['IP:127.0.0.1']));
    const misnamed = await startIssuer(authority.issue('misnamed', ['DNS:issuer.example']));
    secure.published = [bench.key.publicJwk];
    misnamed.published = [bench.key.publicJwk];
    try {
      const tls = { ca: authority.caPath };
      await bench.reopen(
        {},
        { secure: { ...issuerEntry(secure.url), tls }, misnamed: { ...issuerEntry(misnamed.url), tls } },
      );
      expect(
        (await bench.gate.bearer(await signToken(bench.key, bench.claims({ iss: secure.url })))).ok,
      ).toBe(true);
      await expectOutage({ iss: misnamed.url });
      await bench.reopen({}, { secure: issuerEntry(secure.url) });
      await expectOutage({ iss: secure.url });
      expect(misnamed.requests).toEqual([]);
    } finally {
      await Promise.all([secure.close(), misnamed.close()]);
      authority.remove();
    }
  });

  it('is not given up: metadata cannot lead from https to http', async () => {
    const authority = createCertificateAuthority();
    const secure = await startIssuer(authority.issue('issuer', ['IP:127.0.0.1']));
    secure.metadata = { jwks_uri: `${bench.issuer.url}/downgraded` };
    try {
      const entry = { ...issuerEntry(secure.url), keys: 'discover', tls: { ca: authority.caPath } };
      await bench.reopen({}, { secure: entry });
      await expectOutage({ iss: secure.url });
      expect(secure.requests).toContain('GET /.well-known/openid-configuration');
      expect(bench.issuer.requests).not.toContain('GET /downgraded');
    } finally {
      await secure.close();
      authority.remove();
    }
  });

  it('never falls back: an authority file that cannot be read is an error at once', () => {
    expect(() => openWithAuthority('/nonexistent/ca.pem')).toThrow(/nonexistent/);
    expect(() => openWithAuthority('/dev/null')).toThrow('/dev/null holds no PEM certificate');
  });
});

describe('two entries for one issuer', () => {
  it('are an error: nothing would say which rules a token is under', () => {
    const entry = issuerEntry('https://login.example');
    expect(() => openAuthentication({ issuers: { one: entry, two: entry } })).toThrow(
      'issuers one and two are the same: https://login.example',
    );
  });
});
