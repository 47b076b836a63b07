import type { TestGateway } from '../support/gateway.ts';
import { createSigningKey, signToken } from '../support/issuer.ts';
import { exchangeRaw, type RawAnswer } from '../support/raw-client.ts';
import { wire } from '../support/wire.ts';
import { CLIENT_SECRET, type TokenIssuer } from './gateway-config.ts';

/** One of each kind, in each state. Texts without the name of a field. */
export interface Credentials {
  readonly key: string;
  readonly globexKey: string;
  readonly adminKey: string;
  readonly revokedKey: string;
  readonly expiredKey: string;
  /** Never used before the store is lost. */
  readonly unseenKey: string;
  readonly token: string;
  readonly globexToken: string;
  /** For both tenants. */
  readonly wideToken: string;
  readonly expiredToken: string;
  readonly forgedToken: string;
  readonly foreignToken: string;
  readonly opaque: string;
  readonly revokedOpaque: string;
  readonly expiredOpaque: string;
  readonly ownJwt: string;
  readonly expiredOwnJwt: string;
  readonly session: string;
  readonly endedSession: string;
  readonly expiredSession: string;
}

interface Makers {
  readonly proxying: TestGateway;
  readonly issuer: TokenIssuer;
  readonly clock: () => number;
  /** A new session of anna; the value of its cookie. */
  readonly logIn: () => Promise<string>;
  /** Lets what was made so far expire. */
  readonly outlive: () => Promise<void>;
}

export async function makeCredentials({
  proxying,
  issuer,
  clock,
  logIn,
  outlive,
}: Makers): Promise<Credentials> {
  const post = (path: string, parameters: Record<string, string>): Promise<RawAnswer> => {
    const body = new URLSearchParams(parameters).toString();
    const framing = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`];
    return exchangeRaw(proxying.port, wire(`POST ${path}`, framing, { host: 'acme.gw.test', body }));
  };
  async function tokenOf(parameters: Record<string, string>): Promise<string> {
    const answer = await post('/oauth/token', parameters);
    const { access_token: token } = JSON.parse(answer.body.toString()) as { readonly access_token?: string };
    if (token === undefined) throw new Error(`no token: ${answer.startLine} ${answer.body.toString()}`);
    return token;
  }
  const opaqueToken = () =>
    tokenOf({ grant_type: 'password', client_id: 'desktop', username: 'anna', password: 'acme-anna-pw' });
  const ownToken = () =>
    tokenOf({ grant_type: 'client_credentials', client_id: 'erp', client_secret: CLIENT_SECRET });
  const external = (more: Readonly<Record<string, unknown>> = {}, key = issuer.signing) => {
    const now = Math.floor(clock() / 1000);
    const claims = {
      iss: issuer.url,
      aud: 'api',
      sub: 'bob',
      client_id: 'app',
      roles: ['clerk'],
      tenants: ['acme'],
    };
    return signToken(key, { ...claims, scope: 'orders:read', iat: now, exp: now + 300, ...more });
  };
  const issue = async (tenant: string, details = {}) => (await proxying.issueKey(tenant, details)).key;

  const expiresAt = new Date(clock() + 3_600_000).toISOString();
  const expired = {
    expiredKey: await issue('acme', { expiresAt }),
    expiredToken: await external(),
    expiredOpaque: await opaqueToken(),
    expiredOwnJwt: await ownToken(),
    expiredSession: await logIn(),
  };
  await outlive();

  const revoked = await proxying.issueKey('acme');
  await proxying.admin('POST', `/v1/keys/${revoked.id}/revoke`);
  const revokedOpaque = await opaqueToken();
  await post('/oauth/revoke', { token: revokedOpaque, client_id: 'desktop' });
  const endedSession = await logIn();
  const meant = ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'];
  const ending = ['Content-Length: 0', ...meant, `Cookie: __Host-gatehouse=${endedSession}`];
  await exchangeRaw(proxying.port, wire('DELETE /session', ending, { host: 'acme.gw.test' }));
  return {
    ...expired,
    key: await issue('acme', { scopes: ['orders:read'], roles: ['clerk'] }),
    globexKey: await issue('globex'),
    adminKey: await issue('acme', { scopes: ['admin'], roles: ['manager'] }),
    revokedKey: revoked.key,
    unseenKey: await issue('acme'),
    token: await external(),
    globexToken: await external({ tenants: ['globex'] }),
    wideToken: await external({ tenants: ['acme', 'globex'] }),
    forgedToken: await external({}, await createSigningKey('ES256', 'k1')),
    foreignToken: await external({ aud: 'other' }),
    opaque: await opaqueToken(),
    revokedOpaque,
    ownJwt: await ownToken(),
    session: await logIn(),
    endedSession,
  };
}
