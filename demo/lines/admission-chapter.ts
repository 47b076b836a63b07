/** Who may come in: the lines that everybody tries first. */
import type { Stage } from '../stage/stage.ts';
import { answers, arrivesWith, bodyHas, challenges, reachesNobody, refuses } from './checks.ts';
import type { Chapter, Check, DemoLine, DemoRequest } from './demo-line.ts';
import { assertionNames, signatureCovers } from './signatures.ts';

type Fields = DemoRequest['fields'];

function key(value: string): Fields[number] {
  return ['X-API-Key', value];
}

function bearer(token: string): Fields[number] {
  return ['Authorization', `Bearer ${token}`];
}

function get(
  path: string,
  fields: Fields,
  host: DemoRequest['host'] = 'acme.localhost',
): DemoLine['command'] {
  return { kind: 'request', request: { method: 'GET', host, path, fields, shows: 'answer' } };
}

function refused(title: string, command: DemoLine['command'], status: 401 | 403, code: string): DemoLine {
  return {
    title,
    command,
    expected: `${status} ${code}; the legacy API receives nothing`,
    checks: [refuses(status, code), reachesNobody, ...(status === 401 ? [challenges] : [])],
  };
}

export function admissionChapter({ credentials, env, ports }: Stage): Chapter {
  const forAcme = (extra: Readonly<Record<string, string | undefined>> = {}): readonly Check[] => [
    answers(200),
    arrivesWith({
      'X-Tenant-Id': 'acme',
      'X-Api-Key': env.ACME_LEGACY_KEY,
      Authorization: undefined,
      ...extra,
    }),
    assertionNames('acme', `http://127.0.0.1:${ports.gateway}/.well-known/jwks.json`),
    signatureCovers(['X-Tenant-Id', 'X-Client-Id', 'X-Gatehouse-Assertion'], env.LEGACY_HMAC_SECRET),
  ];
  const orders = '/api/orders';
  return {
    title: 'Who may come in',
    lines: [
      refused('no key', get(orders, []), 401, 'credential_missing'),
      refused('a wrong key', get(orders, [key('acme-4712')]), 401, 'credential_invalid'),
      {
        title: 'the right key',
        command: get(orders, [key(credentials.acmeKey)]),
        expected: '200; X-Tenant-Id: acme arrives, signed, beside the key that the legacy API knows',
        checks: [...forAcme(), bodyHas('9007199254740993')],
      },
      refused(
        "the other tenant's key on this host",
        get(orders, [key(credentials.globexKey)]),
        403,
        'tenant_mismatch',
      ),
      {
        title: 'a bearer token (JWT, lives ten minutes)',
        command: get(orders, [bearer(credentials.acmeJwt)]),
        expected: '200; the roles of the token arrive, the token does not',
        checks: forAcme({ 'X-Client-Id': 'acme-erp', 'X-User-Roles': 'clerk' }),
      },
      {
        title: 'a spoofed X-Tenant-Id',
        command: get('/api/echo', [
          key(credentials.acmeKey),
          ['X-Tenant-Id', 'globex'],
          ['X_Tenant_Id', 'globex'],
          ['X-Gatehouse-Assertion', 'forged'],
        ]),
        expected: "200, but what arrives is the gateway's X-Tenant-Id: acme, once",
        checks: forAcme(),
      },
      refused('a revoked key', get(orders, [key(credentials.revokedKey)]), 401, 'credential_revoked'),
      {
        title: 'the key that clients have today, imported',
        command: get(orders, [key(credentials.acmeLegacyKey)]),
        expected: '200; old clients keep working with a new base URL alone',
        checks: forAcme(),
      },
      {
        title: 'an opaque token, introspected',
        command: get(orders, [bearer(credentials.acmeOpaqueToken)]),
        expected: '200; the issuer was asked who it is',
        checks: forAcme({ 'X-Client-Id': 'acme-erp', 'X-User-Roles': 'clerk' }),
      },
      refused(
        "the other tenant's token on this host",
        get(orders, [bearer(credentials.globexJwt)]),
        403,
        'tenant_mismatch',
      ),
      {
        title: 'a key that may only read, writing',
        command: {
          kind: 'request',
          request: {
            method: 'POST',
            host: 'acme.localhost',
            path: orders,
            fields: [key(credentials.acmeReadKey), ['Content-Type', 'application/json']],
            body: { kind: 'text', text: '{"sku":"Schraube M8"}' },
            shows: 'answer',
          },
        },
        expected: '403 insufficient_scope; the legacy API receives nothing',
        checks: [refuses(403, 'insufficient_scope'), reachesNobody],
      },
      refused(
        'a token without the role of the route',
        get('/api/echo/admin', [bearer(credentials.acmeJwt)]),
        403,
        'role_missing',
      ),
      {
        title: 'a token with the role',
        command: get('/api/echo/admin', [bearer(credentials.globexJwt)], 'globex.localhost'),
        expected: '200, as globex',
        checks: [
          answers(200),
          arrivesWith({
            'X-Tenant-Id': 'globex',
            'X-Api-Key': env.GLOBEX_LEGACY_KEY,
            'X-User-Roles': 'clerk,admin',
          }),
        ],
      },
      {
        title: 'a public route',
        command: get('/status', [['X-Tenant-Id', 'globex']], 'localhost'),
        expected: '200 without a key; no identity arrives, a spoofed one neither',
        checks: [
          answers(200),
          arrivesWith({
            'X-Tenant-Id': undefined,
            'X-Api-Key': undefined,
            'X-Gatehouse-Assertion': undefined,
          }),
        ],
      },
    ],
  };
}
