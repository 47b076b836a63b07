import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, refusalOf } from '../support/authentication.ts';
import { createSigningKey, signToken, startIssuer } from '../support/issuer.ts';
import { encode, issuerEntry, openTokenBench, type TokenBench } from '../support/token-bench.ts';

let bench: TokenBench;

beforeEach(async () => {
  bench = await openTokenBench();
});

afterEach(() => bench.close());

describe('attacks on key sets', () => {
  it('J19 a flood of unknown kids causes one fetch per cool-down, and known keys keep working', async () => {
    const sound = await signToken(bench.key, bench.claims());
    expect((await bench.gate.bearer(sound)).ok).toBe(true);
    expect(bench.issuer.count('GET /jwks')).toBe(1);
    const flood = async (): Promise<void> => {
      const template = await signToken(bench.key, bench.claims());
      const [, payload, signature] = template.split('.');
      const tokens = Array.from(
        { length: 1000 },
        (_, index) =>
          `${encode(`{"alg":"ES256","kid":"random-${index}-${Math.random()}","typ":"at+jwt"}`)}.${payload}.${signature}`,
      );
      const results = await Promise.all(tokens.map((token) => bench.gate.bearer(token)));
      for (const result of results) expect(refusalOf(result).code).toBe('credential_invalid');
    };
    await flood();
    expect(bench.issuer.count('GET /jwks')).toBe(1);
    bench.gate.time.now += 30_000;
    await flood();
    expect(bench.issuer.count('GET /jwks')).toBe(2);
    await flood();
    expect(bench.issuer.count('GET /jwks')).toBe(2);
    expect((await bench.gate.bearer(await signToken(bench.key, bench.claims()))).ok).toBe(true);
  });

  it('J19 rotation: a new key is fetched for once the cool-down is over, and a key that left takes its tokens with it', async () => {
    const old = await signToken(bench.key, bench.claims());
    expect((await bench.gate.bearer(old)).ok).toBe(true);
    bench.issuer.published = [];
    const next = await bench.issuer.newKey('ES256', 'k2');
    const young = await signToken(next, bench.claims());
    await bench.expectInvalid(young, /no such key/);
    bench.gate.time.now += 30_000;
    expect((await bench.gate.bearer(young)).ok).toBe(true);
    await bench.expectInvalid(old, /no such key/);
  });

  it.each(['down', 'failing', 'html', 'huge', 'redirecting'] as const)(
    'J20 key set %s: known keys are used until maxStale, then nothing is known',
    async (behaviour) => {
      await bench.reopen({ maxStale: '1h' });
      const token = await signToken(
        bench.key,
        bench.claims({ exp: Math.floor(bench.gate.time.now / 1000) + 90_000 }),
      );
      expect((await bench.gate.bearer(token)).ok).toBe(true);
      bench.issuer.behaviour = behaviour;
      bench.gate.time.now += 3_599_000;
      expect((await bench.gate.bearer(await signToken(bench.key, bench.claims()))).ok).toBe(true);
      bench.gate.time.now += 1_000;
      await expect(bench.gate.bearer(await signToken(bench.key, bench.claims()))).rejects.toMatchObject({
        code: 'issuer_unavailable',
      });
      await expect(bench.gate.bearer(token)).rejects.toMatchObject({ code: 'issuer_unavailable' });
      expect(bench.issuer.requests.filter((request) => request.includes('elsewhere'))).toEqual([]);
      bench.issuer.behaviour = 'sound';
      bench.gate.time.now += 30_000;
      expect((await bench.gate.bearer(token)).ok).toBe(true);
    },
  );

  it('J20 never fetched: a token of an issuer whose keys were never had is an outage, not a refusal', async () => {
    bench.issuer.behaviour = 'down';
    await bench.reopen({});
    await expect(bench.gate.bearer(await signToken(bench.key, bench.claims()))).rejects.toMatchObject({
      code: 'issuer_unavailable',
    });
    bench.issuer.behaviour = 'sound';
    bench.gate.time.now += 5_000;
    expect((await bench.gate.bearer(await signToken(bench.key, bench.claims()))).ok).toBe(true);
  });

  it('J20 isolation: an issuer that says nothing delays only its own tokens', async () => {
    const stalled = await startIssuer();
    stalled.behaviour = 'stalled';
    const lost = await createSigningKey('ES256', 'k1');
    await bench.reopen({ keys: 'discover' }, { stalled: { ...issuerEntry(stalled.url), keys: 'discover' } });
    const waiting = bench.gate.bearer(await signToken(lost, bench.claims({ iss: stalled.url }))).then(
      () => 'answered',
      () => 'answered',
    );
    await eventually(() => stalled.requests.length > 0, 'the stalled issuer was asked');
    const sound = bench.gate
      .bearer(await signToken(bench.key, bench.claims()))
      .then((result) => (result.ok ? 'sound' : 'refused'));
    expect(await Promise.race([waiting, sound])).toBe('sound');
    await stalled.close();
    expect(await waiting).toBe('answered');
  });

  it('J21 key hygiene: a key that is not fit to verify is not used, and the log says which and why', async () => {
    const weak = await createSigningKey('RS256', 'weak');
    bench.issuer.published = [
      ...bench.issuer.published,
      { ...weak.publicJwk, use: 'enc' },
      { kty: 'oct', k: 'c2VjcmV0c2VjcmV0', alg: 'HS256', kid: 'mac' },
    ];
    await bench.reopen({});
    await bench.expectInvalid(await signToken(weak, bench.claims()), /no such key/);
    expect(bench.gate.logged()).toContain('"key":"weak","reason":"use is not sig"');
    expect(bench.gate.logged()).toContain('"key":"mac","reason":"symmetric key"');
    expect(bench.gate.logged()).not.toContain('c2VjcmV0c2VjcmV0');
  });
});
