import { sign } from 'node:crypto';
import { expect } from 'vitest';
import { eventually, type OpenAuthentication, openAuthentication, refusalOf } from './authentication.ts';
import { createSigningKey, type SigningKey, startIssuer, type TestIssuer } from './issuer.ts';

export const AUDIENCE = 'https://api.example.com';

/** Made once: making RSA keys is slow, and which ones they are does not matter. */
const KEYS = Promise.all([createSigningKey('ES256', 'k1'), createSigningKey('RS256', 'r1')]);

export const HEADER = '{"alg":"ES256","kid":"k1","typ":"at+jwt"}';

/** An issuer with an ES256 key `k1` and an RS256 key `r1`, and an authentication that knows it as `login` of tenant acme and has fetched its keys once. */
export interface TokenBench {
  readonly issuer: TestIssuer;
  readonly key: SigningKey;
  readonly rsa: SigningKey;
  gate: OpenAuthentication;
  /** Opens another authentication, with these settings of `login` changed and these issuers more. */
  reopen(
    settings: Readonly<Record<string, unknown>>,
    others?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** Claims of a token that is in order, with these changed; `undefined` leaves one out. */
  claims(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** A token from raw texts, signed as they are, for what no library would write. */
  rawToken(header: string, payload: string): string;
  expectInvalid(token: string, reason?: RegExp): Promise<void>;
  close(): Promise<void>;
}

export async function openTokenBench(): Promise<TokenBench> {
  const issuer = await startIssuer();
  const [key, rsa] = await KEYS;
  issuer.published = [key.publicJwk, rsa.publicJwk];

  const bench: TokenBench = {
    issuer,
    key,
    rsa,
    gate: openAuthentication({ issuers: { login: issuerEntry(issuer.url) } }),
    async reopen(settings, others = {}) {
      await bench.gate.close();
      bench.gate = openAuthentication({
        issuers: { login: { ...issuerEntry(issuer.url), ...settings }, ...others },
      });
    },
    claims(changes = {}) {
      const seconds = Math.floor(bench.gate.time.now / 1000);
      return { iss: issuer.url, aud: AUDIENCE, sub: '4711', iat: seconds, exp: seconds + 600, ...changes };
    },
    rawToken(header, payload) {
      const input = `${encode(header)}.${encode(payload)}`;
      const signature = sign('sha256', Buffer.from(input), {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      });
      return `${input}.${signature.toString('base64url')}`;
    },
    async expectInvalid(token, reason = /./) {
      const refusal = refusalOf(await bench.gate.bearer(token));
      expect(refusal.code).toBe('credential_invalid');
      expect(refusal.reason).toMatch(reason);
    },
    async close() {
      await bench.gate.close();
      await issuer.close();
    },
  };
  const { authentication } = bench.gate;
  await eventually(() => authentication.status().issuers[0]?.keys?.isUsable === true, 'the first keys');
  return bench;
}

/** An entry under `issuers:` as an operator writes it. */
export function issuerEntry(url: string, tenant = 'acme'): Record<string, unknown> {
  return { issuer: url, audience: AUDIENCE, keys: { jwksUri: `${url}/jwks` }, tenant: { fixed: tenant } };
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
