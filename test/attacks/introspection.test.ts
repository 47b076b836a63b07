import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusalOf } from '../support/authentication.ts';
import { openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

describe('attacks on opaque tokens', () => {
  beforeEach(async () => {
    await bench.reopen({
      introspection: {
        endpoint: `${bench.issuer.url}/introspect`,
        clientId: 'gate:1',
        clientSecret: 'p%w d',
      },
      tenant: { fixed: 'acme' },
    });
  });

  it.each([
    ['active is false', { active: false }],
    ['another issuer', { active: true, sub: 'u', iss: 'https://other.example' }],
    ['another audience', { active: true, sub: 'u', aud: ['other'] }],
    ['another kind of token', { active: true, sub: 'u', token_type: 'DPoP' }],
    ['a key that it is bound to (D06)', { active: true, sub: 'u', cnf: { jkt: 'A'.repeat(43) } }],
    [
      'a certificate that it is bound to (M-4)',
      { active: true, sub: 'u', cnf: { 'x5t#S256': 'A'.repeat(43) } },
    ],
    ['no subject and no client', { active: true }],
    ['not yet', { active: true, sub: 'u', nbf: 99_999_999_999 }],
    ['an expiry that is no time', { active: true, sub: 'u', exp: 'soon' }],
  ])('J23 introspection: %s, so the token is refused', async (_what, answer) => {
    bench.issuer.tokens.set('opaque-1', answer);
    await bench.expectInvalid('opaque-1');
  });

  it('J23 expired: an active answer with an exp that is over is refused', async () => {
    bench.issuer.tokens.set('opaque-1', {
      active: true,
      sub: 'u',
      exp: Math.floor(bench.gate.time.now / 1000),
    });
    expect(refusalOf(await bench.gate.bearer('opaque-1')).code).toBe('credential_expired');
  });

  it.each([[{}], [{ active: 'true' }], [{ active: 1 }], [{ active: null }]])(
    'J23 not boolean: %j vouches for nothing, so the token is refused',
    async (answer) => {
      bench.issuer.tokens.set('opaque-1', answer);
      expect(refusalOf(await bench.gate.bearer('opaque-1')).code).toBe('credential_invalid');
    },
  );

  it.each([[[]], ['active']])('J23 no answer: %j is no object, so nothing is known', async (answer) => {
    bench.issuer.tokens.set('opaque-1', answer);
    await expect(bench.gate.bearer('opaque-1')).rejects.toMatchObject({ code: 'issuer_unavailable' });
  });

  it.each(['down', 'failing', 'html', 'huge', 'redirecting'] as const)(
    'J23 endpoint %s: the token is neither admitted nor refused, and goes nowhere else',
    async (behaviour) => {
      bench.issuer.tokens.set('opaque-1', { active: true, sub: 'u' });
      bench.issuer.behaviour = behaviour;
      await expect(bench.gate.bearer('opaque-1')).rejects.toMatchObject({ code: 'issuer_unavailable' });
      expect(bench.issuer.requests.filter((request) => request.includes('elsewhere'))).toEqual([]);
      bench.issuer.behaviour = 'sound';
      expect((await bench.gate.bearer('opaque-1')).ok).toBe(true);
    },
  );
});
