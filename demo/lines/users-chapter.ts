/** Who logs in, and with what: old clients, programs with tokens, servers, browsers; and how all of it is taken back. */
import type { Stage } from '../stage/stage.ts';
import {
  ANNA,
  BROWSER_LOGIN,
  basicAuthorization,
  CLIENT_CREDENTIALS_GRANT,
  ERP_CLIENT,
  FORM,
  JSON_TYPE,
  meantFields,
  OLD_CLIENT_LOGIN,
  PASSWORD_GRANT,
} from '../stage/user-credentials.ts';
import { answers, bodyHas, hides, prints, reachesNobody, refuses } from './checks.ts';
import type { Chapter, DemoLine, DemoRequest } from './demo-line.ts';
import { arrivesAsUser, bodyLacks, setsCookies } from './user-checks.ts';

type Fields = DemoRequest['fields'];

function get(
  title: string,
  path: string,
  fields: Fields,
  expected: string,
  checks: DemoLine['checks'],
  host: DemoRequest['host'] = 'acme.localhost',
): DemoLine {
  const request: DemoRequest = { method: 'GET', host, path, fields, shows: 'answer' };
  return { title, command: { kind: 'request', request }, expected, checks };
}

function post(
  title: string,
  path: string,
  fields: Fields,
  body: string | undefined,
  expected: string,
  checks: DemoLine['checks'],
  host: DemoRequest['host'] = 'acme.localhost',
): DemoLine {
  const request: DemoRequest = {
    method: 'POST',
    host,
    path,
    fields,
    shows: 'answer',
    ...(body !== undefined && { body: { kind: 'text', text: body } }),
  };
  return { title, command: { kind: 'request', request }, expected, checks };
}

const ORDER = '{"sku":"Unterlegscheibe M8"}';

export function usersChapter(stage: Stage): Chapter {
  return {
    title: 'Users log in',
    lines: [...oldClientLines(stage), ...tokenLines(stage), ...browserLines(stage), ...endingLines(stage)],
  };
}

function oldClientLines({ credentials, users }: Stage): readonly DemoLine[] {
  const key = ['X-API-Key', credentials.acmeLegacyKey] as const;
  return [
    post(
      'an old client logs in: its key, a password',
      '/api/login',
      [key, JSON_TYPE],
      OLD_CLIENT_LOGIN,
      '200 and the body of the legacy API, but the cookie is of the gateway and can be taken back',
      [answers(200), bodyHas('Anna Ackermann'), setsCookies({ auth: /^ghs_/ })],
      'localhost',
    ),
    get(
      'it goes on with key and cookie',
      '/api/me',
      [key, ['Cookie', users.oldClientCookie]],
      '200; the legacy API gets the cookies of its own login instead',
      [answers(200), bodyHas('Anna Ackermann'), arrivesAsUser('acme', '17')],
      'localhost',
    ),
    post(
      'it mistypes the password',
      '/api/login',
      [key, JSON_TYPE],
      OLD_CLIENT_LOGIN.replace(ANNA.password, 'typo'),
      '401 in the words of the legacy API, and no cookie',
      [answers(401), bodyHas('Login failed'), setsCookies({})],
      'localhost',
    ),
  ];
}

function tokenLines({ users }: Stage): readonly DemoLine[] {
  return [
    post(
      'the same user through the password grant',
      '/oauth/token',
      [FORM],
      PASSWORD_GRANT,
      '200; an access token for ten minutes, a refresh token, no cookie',
      [answers(200), bodyHas('"access_token":"gha_'), bodyHas('"refresh_token":"ghr_'), setsCookies({})],
    ),
    get(
      'the access token',
      '/api/me',
      [['Authorization', `Bearer ${users.accessToken}`]],
      '200; the legacy API gets the cookies of its own login, which no client has seen',
      [answers(200), bodyHas('Anna Ackermann'), arrivesAsUser('acme', '17')],
    ),
    post(
      'a refresh (good once; a thief who is second ends it all)',
      '/oauth/token',
      [FORM],
      `grant_type=refresh_token&client_id=desktop&refresh_token=${users.refreshToken}`,
      '200; both tokens are new',
      [answers(200), bodyHas('"refresh_token":"ghr_'), bodyLacks(users.refreshToken)],
    ),
    post(
      'a server, by its client credentials',
      '/oauth/token',
      [FORM, basicAuthorization(ERP_CLIENT)],
      CLIENT_CREDENTIALS_GRANT,
      '200; an access token alone: the server can ask again',
      [answers(200), bodyHas('"access_token":"gha_'), bodyLacks('refresh_token'), reachesNobody],
      'localhost',
    ),
  ];
}

function browserLines({ ports, users }: Stage): readonly DemoLine[] {
  const cookie = ['Cookie', users.browserCookie] as const;
  const meant = meantFields(ports.gateway);
  return [
    post(
      'a browser logs in',
      '/session',
      [...meant, JSON_TYPE],
      BROWSER_LOGIN,
      '200; one cookie, which no script can read',
      [
        answers(200),
        bodyHas('"tenant":"acme"'),
        setsCookies({
          '__Host-gatehouse': /^ghs_\w+; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
          '__Secure-gatehouse-remember': /^;.* Max-Age=0;/,
        }),
      ],
    ),
    get(
      'how long the session lives',
      '/session',
      [cookie],
      '200; user, roles, company, seconds to the end; asking does not extend it',
      [answers(200), bodyHas('"expires_in":'), reachesNobody],
    ),
    post(
      'a page of the gateway places an order',
      '/api/orders',
      [cookie, ...meant, JSON_TYPE],
      ORDER,
      '201; arrives as acme and Anna',
      [answers(201), arrivesAsUser('acme', '17')],
    ),
    post(
      'the same without Gatehouse-CSRF, as a form of another page',
      '/api/orders',
      [cookie, JSON_TYPE],
      ORDER,
      '403 csrf_rejected; the legacy API receives nothing',
      [refuses(403, 'csrf_rejected'), reachesNobody],
    ),
    get(
      "the session on the other company's host",
      '/api/orders',
      [cookie],
      '403 tenant_mismatch; the legacy API receives nothing',
      [refuses(403, 'tenant_mismatch'), reachesNobody],
      'globex.localhost',
    ),
    post(
      'the session, switched to the other company',
      '/session/tenant',
      [cookie, ...meant, JSON_TYPE],
      '{"tenant":"globex"}',
      '403 tenant_mismatch: globex has users of its own, and this login proved nothing of them',
      [refuses(403, 'tenant_mismatch'), reachesNobody],
    ),
    post(
      'a ticket for an event stream, good once',
      '/session/ticket',
      [cookie, ...meant],
      undefined,
      '200; ?ticket=… of /api/events, for what cannot send a field',
      [answers(200), bodyHas('"ticket":"ght_'), reachesNobody],
    ),
  ];
}

function endingLines({ users }: Stage): readonly DemoLine[] {
  const secrets = Object.values(users).map((credential) => credential.slice(credential.indexOf('=') + 1));
  function gatehouse(title: string, args: readonly string[], expected: string, pattern: RegExp): DemoLine {
    return {
      title,
      command: { kind: 'gatehouse', args },
      expected,
      checks: [prints(pattern), hides(secrets)],
    };
  }
  return [
    gatehouse(
      'list the sessions of a user',
      ['sessions', 'list', '--subject', ANNA.subject],
      'old client, programs and browsers alike; never a secret',
      /legacy[\s\S]*browser|browser[\s\S]*legacy/,
    ),
    gatehouse(
      'end them all',
      ['sessions', 'end', '--subject', ANNA.subject, '--reason', 'laptop lost'],
      'they have ended, everywhere',
      /^\d+ sessions have ended\.$/m,
    ),
    get(
      'the browser, ended',
      '/api/orders',
      [['Cookie', users.browserCookie]],
      '401 credential_invalid; the legacy API receives nothing',
      [refuses(401, 'credential_invalid'), reachesNobody],
    ),
    get(
      'the access token, ended',
      '/api/me',
      [['Authorization', `Bearer ${users.accessToken}`]],
      '401 credential_revoked; the legacy API receives nothing',
      [refuses(401, 'credential_revoked'), reachesNobody],
    ),
    gatehouse(
      'take back what a client got until now',
      [
        'revoke',
        '--client',
        `client:${ERP_CLIENT.id}`,
        '--issued-before',
        'now',
        '--reason',
        'secret leaked',
      ],
      'revoked; with a new secret it may ask again',
      /^Revoked: /m,
    ),
    get(
      'its token, revoked',
      '/api/orders',
      [['Authorization', `Bearer ${users.erpToken}`]],
      '401 credential_revoked; the legacy API receives nothing',
      [refuses(401, 'credential_revoked'), reachesNobody],
    ),
  ];
}
