import { createHmac, createPublicKey, sign } from 'node:crypto';
import { CompactEncrypt, exportSPKI } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { principalOf } from '../support/authentication.ts';
import { createSigningKey, signToken, startIssuer } from '../support/issuer.ts';
import { encode, HEADER, issuerEntry, openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

describe('a token that is in order', () => {
  it('is admitted: all refusals below are of this token with one thing changed', async () => {
    expect(principalOf(await bench.gate.bearer(await signToken(bench.key, bench.claims()))).subject).toBe(
      'user:login:4711',
    );
    expect(
      principalOf(await bench.gate.bearer(bench.rawToken(HEADER, JSON.stringify(bench.claims())))).userId,
    ).toBe('4711');
  });
});

describe('attacks on JWTs', () => {
  it.each(['none', 'None', 'nOnE', 'NONE', ''])(
    'J01 alg none: a token of alg "%s" is refused, with and without a signature',
    async (alg) => {
      const input = `${encode(`{"alg":"${alg}","kid":"k1","typ":"at+jwt"}`)}.${encode(JSON.stringify(bench.claims()))}`;
      await bench.expectInvalid(`${input}.`);
      await bench.expectInvalid(`${input}.AAAA`, /alg/);
    },
  );

  it('J01 empty signature: a sound token without its signature is refused', async () => {
    const token = await signToken(bench.key, bench.claims());
    await bench.expectInvalid(token.slice(0, token.lastIndexOf('.') + 1));
  });

  it('J02 RS→HS confusion: an HMAC under any spelling of the public RSA key is no signature', async () => {
    const pem = await exportSPKI(createPublicKey(bench.rsa.privateKey));
    for (const secret of [
      pem,
      pem.trim(),
      `${pem}\n`,
      ` ${pem}`,
      pem.replaceAll('\n', '\r\n'),
      JSON.stringify(bench.rsa.publicJwk),
    ]) {
      const input = `${encode('{"alg":"HS256","kid":"r1","typ":"at+jwt"}')}.${encode(JSON.stringify(bench.claims()))}`;
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      await bench.expectInvalid(`${input}.${mac}`, /alg/);
    }
  });

  it('J02 ES→RS confusion: a key signs with its own algorithm only', async () => {
    const input = `${encode('{"alg":"ES256","kid":"r1","typ":"at+jwt"}')}.${encode(JSON.stringify(bench.claims()))}`;
    const signature = sign('sha256', Buffer.from(input), bench.rsa.privateKey);
    await bench.expectInvalid(`${input}.${signature.toString('base64url')}`, /no such key/);
  });

  it('J02 unlisted algorithm: one that the issuer may not use is refused before any key is asked for', async () => {
    const other = await createSigningKey('ES384', 'other');
    bench.gate.time.now += 60_000;
    await bench.expectInvalid(
      await signToken(other, bench.claims()),
      /alg of the token is not one of issuer login/,
    );
    expect(bench.issuer.count('GET /jwks')).toBe(1);
  });

  it('J03 empty HMAC key: an HMAC under the empty secret and an unknown kid is refused', async () => {
    const input = `${encode('{"alg":"HS256","kid":"nobody","typ":"at+jwt"}')}.${encode(JSON.stringify(bench.claims()))}`;
    await bench.expectInvalid(
      `${input}.${createHmac('sha256', '').update(input).digest('base64url')}`,
      /alg/,
    );
  });

  it('J04 embedded keys: jwk, jku, x5u and x5c in a header are never followed', async () => {
    const attacker = await createSigningKey('ES256', 'k1');
    const before = bench.issuer.requests.length;
    for (const header of [
      { jwk: attacker.publicJwk },
      { jku: `${bench.issuer.url}/attacker-jwks` },
      { x5u: `${bench.issuer.url}/attacker.pem` },
      { x5c: ['MIIB'] },
    ]) {
      await bench.expectInvalid(await signToken(attacker, bench.claims(), header), /signature/);
    }
    expect(bench.issuer.requests.slice(before).filter((request) => request.includes('attacker'))).toEqual([]);
  });

  it.each([
    '{"alg":"ES256","kid":"k1","typ":"at+jwt","crit":["x"],"x":1}',
    '{"alg":"ES256","kid":"k1","typ":"at+jwt","crit":[]}',
    '{"alg":"ES256","kid":"k1","typ":"at+jwt","b64":false,"crit":["b64"]}',
    '{"alg":"ES256","kid":"k1","typ":"at+jwt","b64":false}',
  ])('J06 unknown crit and b64: a header that we would have to understand is refused: %s', async (header) => {
    await bench.expectInvalid(
      bench.rawToken(header, JSON.stringify(bench.claims())),
      /token header has (crit|b64)/,
    );
  });

  it('J12 same kid, two issuers: a key of one issuer cannot sign for the other', async () => {
    const other = await startIssuer();
    try {
      const foreign = await other.newKey('ES256', 'k1');
      await bench.reopen({}, { other: issuerEntry(other.url, 'globex') });
      expect(
        principalOf(await bench.gate.bearer(await signToken(bench.key, bench.claims()))).tenants,
      ).toEqual(['acme']);
      await bench.expectInvalid(await signToken(foreign, bench.claims()), /signature/);
    } finally {
      await other.close();
    }
  });

  it('J12 unknown issuer: iss is compared exactly', async () => {
    for (const iss of [
      `${bench.issuer.url}/`,
      bench.issuer.url.toUpperCase(),
      'https://evil.example',
      undefined,
      [bench.issuer.url],
    ]) {
      await bench.expectInvalid(await signToken(bench.key, bench.claims({ iss })), /iss/);
    }
  });

  it('J13 duplicate claims: a member named twice, at any level and however escaped, is refused', async () => {
    const body = JSON.stringify(bench.claims()).slice(1);
    for (const payload of [
      `{"tenant":"T1","tenant":"T2",${body}`,
      `{"tenant":"T1","\\u0074enant":"T2",${body}`,
      `{"a":[{"b":{"c":1,"c":2}}],${body}`,
    ]) {
      await bench.expectInvalid(bench.rawToken(HEADER, payload), /twice/);
    }
    await bench.expectInvalid(
      bench.rawToken(
        '{"alg":"none","alg":"ES256","kid":"k1","typ":"at+jwt"}',
        JSON.stringify(bench.claims()),
      ),
      /twice/,
    );
    expect(
      (
        await bench.gate.bearer(
          bench.rawToken(HEADER, `{"a":{"x":1},"b":{"x":1},"c":"{\\"x\\":1,\\"x\\":2}",${body}`),
        )
      ).ok,
    ).toBe(true);
  });

  it('J17 JWE bombs: encrypted and compressed tokens are refused before anything is decrypted or inflated', async () => {
    const jwe = await new CompactEncrypt(Buffer.from('x'.repeat(1000)))
      .setProtectedHeader({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1000 })
      .encrypt(Buffer.from('password'));
    await bench.expectInvalid(jwe, /no issuer introspects/);
    await bench.expectInvalid(
      `${encode('{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}')}.a.b.c.d`,
      /no issuer introspects/,
    );
    await bench.expectInvalid(
      bench.rawToken('{"alg":"ES256","kid":"k1","typ":"at+jwt","zip":"DEF"}', JSON.stringify(bench.claims())),
      /zip/,
    );
    await bench.expectInvalid(bench.rawToken(HEADER, jwe), /not JSON/);
  });

  it('J18 size: what is too long or too deep is refused before it is parsed far', async () => {
    await bench.expectInvalid(
      await signToken(bench.key, bench.claims({ padding: 'x'.repeat(64 * 1024) })),
      /too long/,
    );
    await bench.expectInvalid('.'.repeat(100), /no issuer introspects/);
    await bench.expectInvalid(`a${'.a'.repeat(5000)}`);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`c${index}`, index]));
    await bench.expectInvalid(await signToken(bench.key, bench.claims(many)), /too long/);
    const body = JSON.stringify(bench.claims()).slice(1);
    await bench.expectInvalid(
      bench.rawToken(HEADER, `{"a":${'['.repeat(4000)}${']'.repeat(4000)},${body}`),
      /deep/,
    );
    const fitting = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`c${index}`, 0]));
    expect((await bench.gate.bearer(await signToken(bench.key, bench.claims(fitting)))).ok).toBe(true);
  });
});
