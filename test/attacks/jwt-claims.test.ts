import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { principalOf, refusalOf, tenant } from '../support/authentication.ts';
import { createSigningKey, signToken } from '../support/issuer.ts';
import { AUDIENCE, HEADER, openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

describe('attacks on claims', () => {
  it.each(['JWT', 'dpop+jwt', 'logout+jwt', 'refresh+jwt', 'at+jwt+x', '', undefined])(
    'J07 wrong typ: a token of typ %s is no access token',
    async (typ) => {
      await bench.expectInvalid(await signToken(bench.key, bench.claims(), { typ }), /typ/);
    },
  );

  it('J07 right typ: case and application/ do not matter (RFC 7515 section 4.1.9)', async () => {
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      expect((await bench.gate.bearer(await signToken(bench.key, bench.claims(), { typ }))).ok).toBe(true);
    }
  });

  it('J07 ID token: where JWT is accepted, the distinguishing claim keeps ID tokens out', async () => {
    await bench.reopen({ types: ['JWT'], distinguishing: { token_use: 'access' } });
    expect(
      (
        await bench.gate.bearer(
          await signToken(bench.key, bench.claims({ token_use: 'access' }), { typ: undefined }),
        )
      ).ok,
    ).toBe(true);
    await bench.expectInvalid(
      await signToken(bench.key, bench.claims({ token_use: 'id' }), { typ: 'JWT' }),
      /distinguishing/,
    );
    await bench.expectInvalid(
      await signToken(bench.key, bench.claims({ nonce: 'n' }), { typ: 'JWT' }),
      /distinguishing/,
    );
  });

  it.each([
    '',
    ',"exp":"9999999999"',
    ',"exp":1e400',
    ',"exp":null',
    ',"exp":[9999999999]',
    ',"exp":-1',
    ',"exp":1e300',
    ',"exp":true',
  ])('J08 expiry: a token with "%s" for its exp is refused', async (exp) => {
    const { exp: _exp, ...others } = bench.claims();
    const payload = `${JSON.stringify(others).slice(0, -1)}${exp}}`;
    await bench.expectInvalid(bench.rawToken(HEADER, payload), /exp/);
  });

  it('J08 expired: only a token whose signature is right learns that it has expired', async () => {
    const token = await signToken(
      bench.key,
      bench.claims({ exp: Math.floor(bench.gate.time.now / 1000) - 1 }),
    );
    expect(refusalOf(await bench.gate.bearer(token)).code).toBe('credential_expired');
    const stranger = await createSigningKey('ES256', 'k1');
    await bench.expectInvalid(await signToken(stranger, bench.claims({ exp: 1 })));
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ exp: 1, aud: 'other' })));
  });

  it('J08 not yet: nbf and iat in the future are refused beyond the tolerance', async () => {
    const seconds = Math.floor(bench.gate.time.now / 1000);
    expect(
      (
        await bench.gate.bearer(
          await signToken(bench.key, bench.claims({ iat: seconds + 4, nbf: seconds + 4 })),
        )
      ).ok,
    ).toBe(true);
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ iat: seconds + 60 })), /iat/);
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ nbf: seconds + 60 })), /nbf/);
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ nbf: 'now' })), /nbf/);
  });

  it.each([
    [['other']],
    ['https://api.example.com.evil'],
    ['https://api.example.co'],
    [undefined],
    [[]],
    [{ a: AUDIENCE }],
    [[AUDIENCE, 1]],
    [''],
    [null],
  ])('J10 audience: %j is not ours', async (aud) => {
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ aud })), /aud/);
  });

  it('J10 audience list: one of several is enough', async () => {
    expect(
      (await bench.gate.bearer(await signToken(bench.key, bench.claims({ aud: ['other', AUDIENCE] })))).ok,
    ).toBe(true);
  });

  it.each([
    [undefined],
    [null],
    [7],
    [true],
    [''],
    [{}],
    [['acme', 7]],
    [[]],
    [['acme', ['acme']]],
    ['Acme'],
    ['acme '],
    ['аcme'],
    ['acme\u0000'],
    ['../acme'],
    ['globex'],
    [['acme', 'globex']],
  ])('J14 tenant claim: %j selects no tenant', async (tid) => {
    await bench.reopen({ tenant: { claim: 'tid' } });
    bench.gate.bindings.set('login', new Set([tenant('acme')]));
    await bench.expectInvalid(await signToken(bench.key, bench.claims({ tid })), /tid/);
  });

  it('J14 tenant claim: the tenants that list the issuer are accepted, one or several, and only as long as they do', async () => {
    await bench.reopen({ tenant: { claim: 'tid' } });
    bench.gate.bindings.set('login', new Set([tenant('acme'), tenant('globex')]));
    const one = await signToken(bench.key, bench.claims({ tid: 'acme' }));
    const both = await signToken(bench.key, bench.claims({ tid: ['acme', 'globex', 'acme'] }));
    expect(principalOf(await bench.gate.bearer(one)).tenants).toEqual(['acme']);
    expect(principalOf(await bench.gate.bearer(both)).tenants).toEqual(['acme', 'globex']);
    bench.gate.bindings.set('login', new Set([tenant('acme')]));
    expect((await bench.gate.bearer(one)).ok).toBe(true);
    await bench.expectInvalid(both, /tid/);
  });
});
