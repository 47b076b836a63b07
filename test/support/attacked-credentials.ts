import { type AttackedGateway, requestOf, startAttackedGateway } from './attacked-gateway.ts';
import { type SigningKey, startIssuer, type TestIssuer } from './issuer.ts';
import type { RawAnswer } from './raw-client.ts';

/** An attacked gateway that accepts keys and the tokens of an issuer, on routes of every kind. */
export interface AttackedCredentials {
  readonly attacked: AttackedGateway;
  readonly issuer: TestIssuer;
  /** ES256, kid k1: the one that the issuer publishes. */
  readonly key: SigningKey;
  ask(path: string, fields?: readonly string[], host?: string): Promise<RawAnswer>;
  /** Claims of a token for acme that is in order, with these changed; `undefined` leaves one out. */
  claims(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  close(): Promise<void>;
}

export async function startAttackedCredentials(): Promise<AttackedCredentials> {
  const issuer = await startIssuer();
  const key = await issuer.newKey('ES256', 'k1');
  const attacked = await startAttackedGateway((config) => ({
    ...config,
    tenants: {
      acme: { hosts: ['acme.gw.test'], issuers: ['login'] },
      globex: { hosts: ['globex.gw.test'], issuers: ['login'] },
    },
    issuers: {
      login: {
        issuer: issuer.url,
        audience: 'api',
        keys: { jwksUri: `${issuer.url}/jwks` },
        tenant: { claim: 'tenants' },
        clockTolerance: '0s',
      },
    },
    routes: [
      ...(config['routes'] as readonly unknown[]),
      {
        id: 'write',
        match: { path: '/write' },
        accept: ['apiKey', 'bearer'],
        require: { scopes: ['write'] },
        upstream: 'api',
      },
      { id: 'bearer', match: { path: '/bearer' }, accept: ['bearer'], upstream: 'api' },
      { id: 'key', match: { path: '/key' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'pair', match: { path: '/pair' }, accept: ['apiKey+bearer'], upstream: 'api' },
      { id: 'both', match: { path: '/both' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
    ],
  }));
  return {
    attacked,
    issuer,
    key,
    ask: (path, fields = [], host = 'gw.test') =>
      attacked.gateway.raw(requestOf(`GET ${path}`, fields, host)),
    claims(changes = {}) {
      const seconds = Math.floor(Date.now() / 1000);
      return {
        iss: issuer.url,
        aud: 'api',
        sub: 'u1',
        tenants: ['acme'],
        iat: seconds,
        exp: seconds + 300,
        ...changes,
      };
    },
    async close() {
      await attacked.close();
      await issuer.close();
    },
  };
}

export function withKey(value: string): readonly string[] {
  return [`X-API-Key: ${value}`];
}

export function withToken(value: string): readonly string[] {
  return [`Authorization: Bearer ${value}`];
}
