import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AttackedCredentials,
  startAttackedCredentials,
  withToken,
} from '../support/attacked-credentials.ts';
import type { AttackedGateway } from '../support/attacked-gateway.ts';
import { createSigningKey, type SigningKey, signToken } from '../support/issuer.ts';

let bench: AttackedCredentials;
let attacked: AttackedGateway;
let key: SigningKey;
beforeAll(async () => {
  bench = await startAttackedCredentials();
  ({ attacked, key } = bench);
});
afterAll(() => bench.close());
beforeEach(() => attacked.forget());

const ask: AttackedCredentials['ask'] = (...request) => bench.ask(...request);
const claims: AttackedCredentials['claims'] = (changes) => bench.claims(changes);

describe('J a wrong token', () => {
  const tokens: readonly (readonly [string, () => Promise<string>])[] = [
    [
      'J01 without a signature',
      async () => `${encode('{"alg":"none","typ":"at+jwt"}')}.${(await good()).split('.')[1]}.`,
    ],
    ['J02 under an HMAC of the public key', async () => forged('HS256')],
    ['J04 under a key of its own', async () => signToken(await createSigningKey('ES256', 'k1'), claims())],
    [
      'J06 with an unknown crit',
      async () => signToken(key, claims(), { crit: ['x'], x: 1 }).catch(() => forged('ES256')),
    ],
    ['J07 of another type', async () => signToken(key, claims(), { typ: 'JWT' })],
    ['J08 without exp', async () => signToken(key, claims({ exp: undefined }))],
    ['J10 for another audience', async () => signToken(key, claims({ aud: 'other' }))],
    ['J12 of another issuer', async () => signToken(key, claims({ iss: 'https://evil.test' }))],
    [
      'J13 with a claim twice',
      async () => `${(await good()).split('.')[0]}.${encode('{"tenants":"acme","tenants":"globex"}')}.AA`,
    ],
    ['J15 in another spelling', async () => `${await good()}=`],
    ['J17 that is encrypted', async () => `${encode('{"alg":"dir","enc":"A256GCM","zip":"DEF"}')}..AA.AA.AA`],
    ['D06 bound to a DPoP key', async () => signToken(key, claims({ cnf: { jkt: 'A'.repeat(43) } }))],
    ['D06 bound to a key of another kind', async () => signToken(key, claims({ cnf: { kid: 'k' } }))],
    ['D06 bound in a way that is not understood', async () => signToken(key, claims({ cnf: null }))],
    [
      'M-4 bound to a client certificate',
      async () => signToken(key, claims({ cnf: { 'x5t#S256': 'A'.repeat(43) } })),
    ],
    ['J18 of 15,000 characters', async () => `${(await good()).slice(0, -1)}${'A'.repeat(15_000)}`],
    ['J18 of 20,000 characters', async () => 'A'.repeat(20_000)],
  ];

  it.each(tokens)('%s is refused before anything is sent', async (_, make) => {
    const answer = await ask('/bearer', withToken(await make()));
    await attacked.expectRefused(answer, 401, 'credential_invalid');
    expect(answer.all('www-authenticate')).toEqual(['Bearer realm="gatehouse", error="invalid_token"']);
  });

  it.each([
    ['J14 a tenant that is none', '../acme'],
    ['J14 no tenant', undefined],
    ['J14 a tenant that does not list the issuer', 'initech'],
  ])('%s gives no tenant to act for', async (_, tenants) => {
    const answer = await ask('/bearer', withToken(await signToken(key, claims({ tenants }))));
    const record = await attacked.expectRefused(answer, 401, 'credential_invalid');
    expect(record.reason).toContain('tenants');
  });

  it('D06 bound to a DPoP key is none under the scheme DPoP either, which nobody here speaks', async () => {
    const token = await signToken(key, claims({ cnf: { jkt: 'A'.repeat(43) } }));
    const answer = await ask('/bearer', [`Authorization: DPoP ${token}`, 'DPoP: a.b.c']);
    await attacked.expectRefused(answer, 401, 'credential_invalid');
  });

  it('is wrong because of the one thing that is wrong with it', async () => {
    const forwarded = await attacked.expectForwarded(await ask('/bearer', withToken(await good())));
    expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
  });
});

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function good(): Promise<string> {
  return signToken(key, claims());
}

async function forged(alg: string): Promise<string> {
  const header = encode(`{"alg":"${alg}","kid":"k1","typ":"at+jwt"}`);
  return `${header}.${(await good()).split('.')[1]}.${encode('x'.repeat(64))}`;
}
