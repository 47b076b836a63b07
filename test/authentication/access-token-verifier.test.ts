import { generateKeyPairSync, hash, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signCompact } from '../../src/keys/compact-jws.ts';
import type { SigningKey } from '../../src/keys/signing-key.ts';
import type { Json } from '../../src/principals/principal.ts';
import { ANNA, ISSUER } from '../token-service/replica.ts';
import { onBothStores, post, tokenOf, verdict, verificationOf } from '../token-service/scene.ts';

type Claims = Record<string, Json>;

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The one key that would fit is not good enough: our tokens name theirs. */
function withoutKid(claims: Claims, { key }: SigningKey): string {
  const input = `${base64url({ alg: 'ES256', typ: 'at+jwt' })}.${base64url(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

onBothStores((scene) => {
  const ring = (): SigningKey => scene().first.keyring.signer('ES256', 'access-token');
  const login = async (as: string) =>
    tokenOf(await post(scene(), '/oauth/token', { ...ANNA, tenant: 'acme' }, { as }));
  const clientToken = async (as: string) =>
    tokenOf(
      await post(scene(), '/oauth/token', { grant_type: 'client_credentials', tenant: 'acme' }, { as }),
    );

  describe('a JWT access token of our own', () => {
    it('is good as it was given out, and names what it depends on', async () => {
      const verification = await verificationOf(scene(), await login('jwt'));
      if (verification?.kind !== 'accepted') throw new Error('not accepted');
      const session = verification.principal.session?.id;
      expect(verification.dependsOn).toEqual(['client:jwt', `session:${session}`]);
      expect(verification.isStillBound?.()).toBe(true);
      expect(verification.principal.revocationIds).toEqual(
        expect.arrayContaining([
          `session:${session}`,
          'subject:user%3Alegacy%3Aacme%3A17',
          'client:client%3Ajwt',
        ]),
      );
      expect(verification.principal.credentialId).toMatch(/^token:gatehouse:[0-9A-Z]{16}$/);
    });

    it.each<readonly [string, (iat: number) => Readonly<Record<string, Json | undefined>>, string]>([
      ['nothing is changed', () => ({}), 'accepted'],
      ['it has expired', (iat) => ({ exp: iat }), 'credential_expired'],
      ['it has no exp', () => ({ exp: undefined }), 'credential_invalid'],
      ['exp is a text', (iat) => ({ exp: `${iat + 60}` }), 'credential_invalid'],
      ['iat is in the future', (iat) => ({ iat: iat + 120 }), 'credential_invalid'],
      ['nbf is in the future', (iat) => ({ nbf: iat + 120 }), 'credential_invalid'],
      ['aud is another', () => ({ aud: 'https://other.test' }), 'credential_invalid'],
      ['it has no aud', () => ({ aud: undefined }), 'credential_invalid'],
      ['it has no jti', () => ({ jti: undefined }), 'credential_invalid'],
      ['it has no tenant', () => ({ tenant: undefined }), 'credential_invalid'],
      ['it is of another tenant than its session', () => ({ tenant: 'globex' }), 'credential_invalid'],
      ['it is of another client than its session', () => ({ client_id: 'old' }), 'credential_invalid'],
      [
        'it is of another user than its session',
        () => ({ sub: 'user:legacy:acme:18' }),
        'credential_invalid',
      ],
      ['its session is malformed', () => ({ sid: 7 }), 'credential_invalid'],
      ['its session is another', () => ({ sid: '0123456789ABCDEF' }), 'credential_revoked'],
      ['it passes for the client itself', () => ({ sid: undefined }), 'credential_invalid'],
      [
        'its client is gone',
        () => ({ sid: undefined, client_id: 'gone', sub: 'client:gone' }),
        'credential_revoked',
      ],
      ['iss is another', () => ({ iss: `${ISSUER}/` }), 'not ours'],
    ])('signed by us, but %s', async (_, change, expected) => {
      const claims = claimsOf(await login('jwt'));
      const changed = { ...claims, ...change(Number(claims['iat'])) } as Claims;
      expect(await verdict(scene(), signCompact('at+jwt', changed, ring()))).toBe(expected);
    });

    it('is none with another type, algorithm or key, whatever it says', async () => {
      const token = await login('jwt');
      const claims = claimsOf(token);
      const { kid } = ring();
      await scene().first.keyring.prepare(['ES256', 'RS256']);
      const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      const [header = '', payload = '', signature = ''] = token.split('.');
      const forged = [
        signCompact('JWT', claims, ring()),
        signCompact('gatehouse-assertion+jwt', claims, ring()),
        // The keys of assertions sign no access tokens, under their own name or another.
        signCompact('at+jwt', claims, scene().first.keyring.signer('ES256')),
        signCompact('at+jwt', claims, { ...scene().first.keyring.signer('ES256'), kid }),
        signCompact('at+jwt', claims, { ...scene().first.keyring.signer('RS256'), kid }),
        signCompact('at+jwt', claims, { ...ring(), key: stranger }),
        `${base64url({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.${signature}`,
        `${base64url({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}.${signature}`,
        `${header}.${base64url({ ...claims, tenant: 'globex' })}.${signature}`,
        `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
        withoutKid(claims, ring()),
      ];
      for (const each of forged) expect(await verdict(scene(), each)).toBe('credential_invalid');
      expect(await verdict(scene(), token)).toBe('accepted');
    });

    it('of a client names that client alone', async () => {
      const claims = claimsOf(await clientToken('jwt'));
      expect(await verdict(scene(), signCompact('at+jwt', claims, ring()))).toBe('accepted');
      const user = { ...claims, sub: 'user:legacy:acme:17' };
      expect(await verdict(scene(), signCompact('at+jwt', user, ring()))).toBe('credential_invalid');
    });

    it('is good through a rotation of its keys, and not a moment longer than they are published', async () => {
      const token = await clientToken('jwt');
      const verification = await verificationOf(scene(), token);
      if (verification?.kind !== 'accepted') throw new Error('not accepted');
      const { keyring } = scene().first;
      scene().now += 4_140_000;
      await keyring.rotate('access-token:ES256');
      expect(await verdict(scene(), token)).toBe('credential_expired');
      expect(verification.isStillBound?.()).toBe(true);
      scene().now += 4_140_000;
      await keyring.rotate('access-token:ES256');
      expect(await verdict(scene(), token)).toBe('credential_invalid');
      expect(verification.isStillBound?.()).toBe(false);
    });
  });

  describe('an opaque access token of our own', () => {
    it.each([
      ['', 'not ours'],
      ['gha_', 'credential_invalid'],
      [`gha_${'a'.repeat(42)}`, 'credential_invalid'],
      [`gha_${'a'.repeat(44)}`, 'credential_invalid'],
      [`gha_${'a'.repeat(43)}`, 'credential_invalid'],
      [`gha_${'a'.repeat(42)}\n`, 'credential_invalid'],
      ['an.external.token', 'not ours'],
      ['an-opaque-token-of-another', 'not ours'],
    ])('%j is %s', async (token, expected) => {
      expect(await verdict(scene(), token)).toBe(expected);
    });

    it('is exclusive of its last moment', async () => {
      const token = await clientToken('erp');
      scene().now += 599_999;
      expect(await verdict(scene(), token)).toBe('accepted');
      scene().now += 1;
      expect(await verdict(scene(), token)).toBe('credential_expired');
    });

    it('is no ticket, and a ticket is no access token', async () => {
      const { stores } = scene().first;
      const text = `gha_${'b'.repeat(43)}`;
      const verification = await verificationOf(scene(), await login('old'));
      if (verification?.kind !== 'accepted' || verification.principal.session === undefined)
        throw new Error('no session');
      await stores.tokens.put(hash('sha256', text), {
        kind: 'ticket',
        id: 't1',
        session: verification.principal.session.id,
        host: 'gw.test',
        issuedAt: scene().now,
        scopes: [],
        until: scene().now + 60_000,
        expiresAt: scene().now + 60_000,
      });
      expect(await verdict(scene(), text)).toBe('credential_invalid');
    });
  });
});
