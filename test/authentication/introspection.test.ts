import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateApiKey } from '../../src/api-keys/api-key-format.ts';
import { principalOf } from '../support/authentication.ts';
import { startIssuer } from '../support/issuer.ts';
import { AUDIENCE, issuerEntry, openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
  await bench.reopen({ introspection: client(bench.issuer.url) });
});

afterEach(() => bench.close());

function client(url: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { endpoint: `${url}/introspect`, clientId: 'gate:1', clientSecret: 'p%w d+é', ...changes };
}

const asked = (): number => bench.issuer.count('POST /introspect');

describe('introspection', () => {
  it('asks as RFC 7662 and RFC 6749 section 2.3.1 say', async () => {
    bench.issuer.tokens.set('a+b/c=', { active: true, sub: '4711' });
    await bench.gate.bearer('a+b/c=');
    expect(bench.issuer.lastIntrospection?.body).toBe('token=a%2Bb%2Fc%3D&token_type_hint=access_token');
    const [scheme, value = ''] = (bench.issuer.lastIntrospection?.authorization ?? '').split(' ');
    expect(scheme).toBe('Basic');
    expect(Buffer.from(value, 'base64').toString()).toBe('gate%3A1:p%25w+d%2B%C3%A9');
  });

  it('makes a principal of what the issuer says', async () => {
    const exp = Math.floor(bench.gate.time.now / 1000) + 60;
    const iat = exp - 120;
    bench.issuer.tokens.set('opaque', {
      active: true,
      iss: bench.issuer.url,
      aud: [AUDIENCE],
      sub: '4711',
      client_id: 'app',
      scope: 'a b',
      roles: ['admin'],
      exp,
      iat,
      jti: 'j:1',
      token_type: 'Bearer',
    });
    expect(principalOf(await bench.gate.bearer('opaque'))).toEqual({
      kind: 'user',
      subject: 'user:login:4711',
      userId: '4711',
      client: 'client:login:app',
      clientId: 'app',
      tenants: ['acme'],
      scopes: new Set(['a', 'b']),
      roles: new Set(['admin']),
      profile: {},
      method: 'introspection',
      issuedAt: iat * 1000,
      expiresAt: exp * 1000,
      credentialId: 'token:login:j%3A1',
      revocationIds: ['token:login:j%3A1', 'subject:user%3Alogin%3A4711', 'client:client%3Alogin%3Aapp'],
    });
  });

  it('names a token without jti by its digest, and takes a client without subject for itself', async () => {
    bench.issuer.tokens.set('opaque', { active: true, client_id: 'app' });
    const principal = principalOf(await bench.gate.bearer('opaque'));
    expect(principal.kind).toBe('client');
    expect(principal.subject).toBe('client:login:app');
    expect(principal.credentialId).toBe(`token-digest:${hash('sha256', 'opaque')}`);
  });

  it('asks once for all who present one token at a time, and not again while the answer may be reused', async () => {
    bench.issuer.tokens.set('opaque', { active: true, sub: '4711' });
    await Promise.all(Array.from({ length: 50 }, () => bench.gate.bearer('opaque')));
    await bench.gate.bearer('opaque');
    expect(asked()).toBe(1);
  });

  it('remembers for 2 s at most that a token is not active', async () => {
    await bench.expectInvalid('opaque', /not active/);
    bench.issuer.tokens.set('opaque', { active: true, sub: '4711' });
    bench.gate.time.now += 1999;
    await bench.expectInvalid('opaque', /not active/);
    expect(asked()).toBe(1);
    bench.gate.time.now += 1;
    expect((await bench.gate.bearer('opaque')).ok).toBe(true);
  });

  it('never shows an issuer what is no token of it: our own keys, three parts, bytes that no token has', async () => {
    for (const token of [
      generateApiKey().key,
      'gha_abc',
      'ghr_abc',
      'a.b.c',
      'a b',
      'a\u00e9',
      '',
      '=',
      'x'.repeat(5000),
    ]) {
      await bench.expectInvalid(token);
    }
    expect(asked()).toBe(0);
  });

  it('sends a token only to the issuer whose prefix it has', async () => {
    const other = await startIssuer();
    try {
      await bench.reopen(
        { introspection: client(bench.issuer.url, { prefix: 'one_' }) },
        {
          other: {
            ...issuerEntry(other.url, 'globex'),
            introspection: client(other.url, { prefix: 'two_' }),
          },
        },
      );
      bench.issuer.tokens.set('one_1', { active: true, sub: '4711' });
      other.tokens.set('two_1', { active: true, sub: '4711' });
      expect(principalOf(await bench.gate.bearer('one_1')).subject).toBe('user:login:4711');
      expect(principalOf(await bench.gate.bearer('two_1')).subject).toBe('user:other:4711');
      await bench.expectInvalid('three_1', /no issuer introspects/);
      expect([asked(), other.count('POST /introspect')]).toEqual([1, 1]);
    } finally {
      await other.close();
    }
  });

  it('guesses no issuer: one without a prefix gets no token where another introspects too', async () => {
    const introspection = client(bench.issuer.url, { prefix: 'two_' });
    await bench.reopen(
      { introspection: client(bench.issuer.url) },
      { other: { ...issuerEntry('https://login.example'), introspection } },
    );
    await bench.expectInvalid('opaque', /no issuer introspects/);
    expect(asked()).toBe(0);
  });

  it('keeps token and client secret out of the log, also when it fails', async () => {
    bench.issuer.behaviour = 'failing';
    await expect(bench.gate.bearer('very-secret-token')).rejects.toThrow();
    expect(bench.gate.logged()).toContain('introspection failed');
    expect(bench.gate.logged()).not.toContain('very-secret-token');
    expect(bench.gate.logged()).not.toContain('p%w d');
    expect(bench.gate.metrics.counts).toContain('introspection login failed');
  });
});
