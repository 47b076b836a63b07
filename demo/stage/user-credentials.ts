/** What users and programs hold once they have logged in at the gateway: each has an own login, so that no line disturbs another. */
import { once } from 'node:events';
import { type IncomingMessage, request as open } from 'node:http';
import { text } from 'node:stream/consumers';
import { legacyKeyOf } from './configuration.ts';

/** Anna of acme, everywhere. All secrets here are demo data. */
export const ANNA = { user: 'anna', password: 'acme-anna-pw', subject: 'user:legacy:acme:17' } as const;
export const ERP_CLIENT = { id: 'erp', secret: 'erp-demo-secret' } as const;

export interface UserCredentials {
  /** Of an old client, which logged in with key and password at a host that means no tenant. */
  readonly oldClientCookie: string;
  /** Of a browser at acme.localhost. */
  readonly browserCookie: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Of the server that acts for itself. */
  readonly erpToken: string;
}

export const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const;
export const JSON_TYPE = ['Content-Type', 'application/json'] as const;

type Field = readonly [name: string, value: string];

/** Fields by which a page of the gateway shows that its request is meant; a browser sets Origin by itself. */
export function meantFields(gatewayPort: number): readonly Field[] {
  return [
    ['Gatehouse-CSRF', '1'],
    ['Origin', `http://acme.localhost:${gatewayPort}`],
  ];
}

export function basicAuthorization({ id, secret }: typeof ERP_CLIENT): Field {
  return ['Authorization', `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`];
}

export const OLD_CLIENT_LOGIN = JSON.stringify({
  company: 'acme',
  user: ANNA.user,
  password: ANNA.password,
});
export const BROWSER_LOGIN = JSON.stringify({
  client_id: 'web-app',
  username: ANNA.user,
  password: ANNA.password,
});
export const PASSWORD_GRANT = new URLSearchParams({
  grant_type: 'password',
  client_id: 'desktop',
  username: ANNA.user,
  password: ANNA.password,
}).toString();
export const CLIENT_CREDENTIALS_GRANT = 'grant_type=client_credentials';

interface GatewayAnswer {
  readonly cookies: readonly string[];
  readonly body: string;
}

export async function logInUsers(gatewayPort: number): Promise<UserCredentials> {
  async function post(
    host: string,
    path: string,
    fields: readonly Field[],
    body: string,
  ): Promise<GatewayAnswer> {
    const sent = open({
      host: '127.0.0.1',
      port: gatewayPort,
      method: 'POST',
      path,
      headers: ['Host', `${host}:${gatewayPort}`, 'Content-Length', String(body.length), ...fields.flat()],
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const said = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`POST ${path}: ${answer.statusCode} ${said}`);
    return { cookies: answer.headers['set-cookie'] ?? [], body: said };
  }
  const meant = meantFields(gatewayPort);
  const key = ['X-API-Key', legacyKeyOf('acme')] as const;
  const [old, browser, desktop, erp] = await Promise.all([
    post('localhost', '/api/login', [key, JSON_TYPE], OLD_CLIENT_LOGIN),
    post('acme.localhost', '/session', [...meant, JSON_TYPE], BROWSER_LOGIN),
    post('acme.localhost', '/oauth/token', [FORM], PASSWORD_GRANT),
    post('localhost', '/oauth/token', [FORM, basicAuthorization(ERP_CLIENT)], CLIENT_CREDENTIALS_GRANT),
  ]);
  return {
    oldClientCookie: pairOf(old),
    browserCookie: pairOf(browser),
    accessToken: memberOf(desktop, 'access_token'),
    refreshToken: memberOf(desktop, 'refresh_token'),
    erpToken: memberOf(erp, 'access_token'),
  };
}

/** `name=value` of the cookie that was set first. */
function pairOf({ cookies: [cookie] }: GatewayAnswer): string {
  if (cookie === undefined) throw new Error('a login set no cookie');
  return cookie.split(';', 1)[0] ?? '';
}

function memberOf({ body }: GatewayAnswer, name: string): string {
  const value: unknown = (JSON.parse(body) as Readonly<Record<string, unknown>>)[name];
  if (typeof value !== 'string') throw new Error(`a grant gave no ${name}`);
  return value;
}
