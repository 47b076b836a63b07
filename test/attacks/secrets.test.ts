import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type AttackedGateway,
  requestOf,
  SIGNATURE_SECRET,
  startAttackedGateway,
} from '../support/attacked-gateway.ts';
import { ADMIN_TOKEN } from '../support/gateway.ts';
import {
  createSigningKey,
  type SigningKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from '../support/issuer.ts';
import { connectRaw, parseAnswer, type RawAnswer } from '../support/raw-client.ts';

const PEPPER = 'pepper-0123456789abcdef0123456789abcdef';
const LEGACY_KEY = 'Legacy/Key+of*any(shape)';
const CLIENT_SECRET = 'introspection-secret-0123456789';
const BASIC_PASSWORD = 'basic-password-0123456789';
const TENANT_CREDENTIAL = 'tenant-credential-0123456789';
const OPAQUE_TOKEN = 'opaque-token-0123456789abcdef';

let attacked: AttackedGateway;
let issuer: TestIssuer;
let key: SigningKey;
beforeAll(async () => {
  issuer = await startIssuer();
  key = await issuer.newKey('ES256', 'k1');
  attacked = await startAttackedGateway((config, origin) => ({
    ...config,
    tenants: {
      acme: { hosts: ['acme.gw.test'], issuers: ['login'], credentials: { legacyKey: TENANT_CREDENTIAL } },
      globex: { hosts: ['globex.gw.test'], credentials: { legacyKey: TENANT_CREDENTIAL } },
    },
    apiKeys: {
      pepper: PEPPER,
      keys: [
        {
          id: 'legacy',
          tenant: 'acme',
          name: 'legacy',
          digest: `hmac-sha256:${createHmac('sha256', PEPPER).update(LEGACY_KEY).digest('hex')}`,
        },
      ],
    },
    issuers: {
      login: {
        issuer: issuer.url,
        audience: 'api',
        keys: { jwksUri: `${issuer.url}/jwks` },
        introspection: { endpoint: `${issuer.url}/introspect`, clientId: 'gw', clientSecret: CLIENT_SECRET },
        tenant: { fixed: 'acme' },
      },
    },
    upstreams: {
      open: { targets: [origin] },
      api: {
        targets: [origin],
        identity: {
          assertion: {},
          signature: { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: SIGNATURE_SECRET }] },
        },
        credentials: {
          basic: { username: 'gateway', password: BASIC_PASSWORD },
          fields: { 'X-Legacy-Key': '{tenant.credentials.legacyKey}' },
        },
      },
      down: {
        targets: ['http://127.0.0.1:1'],
        credentials: { basic: { username: 'u', password: BASIC_PASSWORD } },
      },
    },
    routes: [
      { id: 'public', match: { path: '/public/**' }, public: true, upstream: 'open' },
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
      { id: 'down', match: { path: '/down/**' }, accept: ['apiKey', 'bearer'], upstream: 'down' },
      {
        id: 'admin',
        match: { path: '/admin' },
        accept: ['apiKey', 'bearer'],
        require: { anyRole: ['admin'], scopes: ['none'] },
        upstream: 'api',
      },
    ],
  }));
});
afterAll(async () => {
  await attacked.close();
  await issuer.close();
});

/** Every text by which one of these could be told: the whole, and what is secret of it. */
function tracesOf(secret: string): readonly string[] {
  return [
    secret,
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
    encodeURIComponent(secret),
  ];
}

it('L01 no secret of any kind reaches log, audit, metrics or an answer, on any path, at level trace', {
  timeout: 20_000,
}, async () => {
  const { gateway, acme } = attacked;
  const seconds = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer.url, aud: 'api', sub: 'u1', iat: seconds, exp: seconds + 300 };
  const token = await signToken(key, claims);
  const expired = await signToken(key, { ...claims, iat: seconds - 600, exp: seconds - 300 });
  const foreign = await signToken(await createSigningKey('ES256', 'k9'), claims);
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${token.split('.')[1]}.`;
  issuer.tokens.set(OPAQUE_TOKEN, {
    active: true,
    iss: issuer.url,
    aud: 'api',
    sub: 'u1',
    exp: seconds + 300,
  });
  const revoked = await gateway.issueKey('acme');
  const typo = `${acme.key.slice(0, -1)}${acme.key.endsWith('0') ? '1' : '0'}`;
  const unknown = acme.key.replace(acme.id, '00000000');

  const keys = [acme.key, revoked.key, LEGACY_KEY, typo, unknown, 'Wrong*Legacy(Key)+0123456789'];
  const tokens = [
    token,
    expired,
    foreign,
    unsigned,
    OPAQUE_TOKEN,
    'unknown-opaque-token-0123456789',
    ADMIN_TOKEN,
  ];
  const presentations = [
    ...keys.flatMap((each) => [[`X-API-Key: ${each}`], [`Authorization: ApiKey ${each}`]]),
    ...tokens.map((each) => [`Authorization: Bearer ${each}`]),
    [`Authorization: Basic ${Buffer.from(`user:${BASIC_PASSWORD}`).toString('base64')}`],
    [`Authorization: Unknown ${token}`],
    [`Authorization: ${token}`],
    [`Authorization: Bearer  ${token} ${token}`],
    [`X-API-Key: ${acme.key}`, `Authorization: Bearer ${token}`],
    [`X-API-Key: ${acme.key}, ${acme.key}`],
    [`X-API-Key: ${acme.key}`, `X-Api-Key: ${revoked.key}`],
    [`X_API_Key: ${acme.key}`, `Proxy-Authorization: Basic ${acme.key}`],
  ];
  const answers: RawAnswer[] = [];
  const all = async (fields: readonly string[]) => {
    for (const target of ['/api/x', '/admin', '/down/x', '/nowhere', '/api/../x', '/public/x'])
      answers.push(await gateway.raw(requestOf(`GET ${target}`, fields)));
    answers.push(await gateway.raw(requestOf('GET /api/x', fields, 'globex.gw.test')));
    answers.push(await gateway.raw(requestOf('BREW /api/x', fields)));
    answers.push(await gateway.raw(requestOf('GET /api/x', [...fields, 'Transfer-Encoding: gzip'])));
    answers.push(await gateway.raw(requestOf('GET /api/x', [...fields, 'Broken\0: x'])));
  };
  for (const fields of presentations) await all(fields);
  await gateway.admin('POST', `/v1/keys/${revoked.id}/revoke`, {});
  await all([`X-API-Key: ${revoked.key}`]);
  for (const query of [
    `access_token=${token}`,
    `api_key=${acme.key}`,
    `a=${LEGACY_KEY}`,
    `access_token=${OPAQUE_TOKEN}`,
  ])
    for (const target of ['/api/x', '/nowhere', '/public/x'])
      answers.push(await gateway.raw(requestOf(`GET ${target}?${query}`)));
  // What is no HTTP at all, with credentials in it.
  for (const garbage of [
    `${acme.key}\r\n\r\n`,
    `GET /api/x HTTP/1.1\r\n${token}\r\n\r\n`,
    `X-API-Key: ${LEGACY_KEY}\r\n\r\n`,
  ]) {
    const client = await connectRaw(gateway.port);
    client.send(garbage);
    await client.closed();
    answers.push(parseAnswer(client.received()));
  }
  // The issuer fails, and the gateway says so.
  for (const behaviour of ['failing', 'html', 'down'] as const) {
    issuer.behaviour = behaviour;
    const opaque = `opaque-token-while-${behaviour}-0123456789`;
    tokens.push(opaque);
    const answer = await gateway.raw(requestOf('GET /api/x', [`Authorization: Bearer ${opaque}`]));
    expect(answer.status).toBe(503);
    answers.push(answer);
  }
  issuer.behaviour = 'sound';
  // Administration, right and wrong.
  for (const authorization of [`Bearer ${ADMIN_TOKEN}`, `Bearer ${ADMIN_TOKEN}x`, `Basic ${ADMIN_TOKEN}`])
    for (const target of [
      '/v1/keys',
      `/v1/keys/${acme.id}`,
      `/v1/keys?token=${acme.key}`,
      `/v1/nowhere/${acme.key}`,
    ])
      await fetch(`http://127.0.0.1:${gateway.gateway.adminPort}${target}`, { headers: { authorization } });
  await gateway.gateway.reload();
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 403, 404, 502, 503]));

  const last = answers.findLast((answer) => answer.field('gatehouse-decision-id') !== undefined);
  if (last !== undefined) await gateway.auditOf(last);
  const { records } = await gateway.admin<{ records: unknown[] }>('GET', '/v1/audit?limit=500');
  const places = {
    log: gateway.log(),
    audit: JSON.stringify(records),
    metrics: await gateway.metrics(),
    answers: answers.map(({ head, body }) => `${head}\n${body.toString('latin1')}`).join('\n'),
  };
  // The run is told of at all, so that silence means something.
  expect(places.log.split('\n').length).toBeGreaterThan(150);
  expect(records.length).toBeGreaterThan(150);
  const secrets = [
    ...keys,
    ...tokens,
    PEPPER,
    CLIENT_SECRET,
    BASIC_PASSWORD,
    TENANT_CREDENTIAL,
    SIGNATURE_SECRET,
    // Of a key, what follows its id; of a token, its signature, which makes it one.
    ...[acme.key, revoked.key].map((each) => each.slice(13, 45)),
    ...[token, expired, foreign].map((each) => each.split('.')[2] ?? ''),
  ];
  for (const [place, text] of Object.entries(places))
    for (const secret of secrets)
      for (const trace of tracesOf(secret)) expect(text.includes(trace), `${trace} in ${place}`).toBe(false);
  await attacked.expectAlive();
});

it('L01 a key in the path of a request is not kept: neither in the log nor in the audit stream', async () => {
  const { gateway, acme } = attacked;
  for (const path of [`/api/${acme.key}/x`, `/nowhere/${acme.key}`, `/public/${acme.key}`])
    await gateway.raw(requestOf(`GET ${path}`, [`X-API-Key: ${acme.key}`]));
  await attacked.expectAlive();
  await gateway.auditOf(await gateway.raw(requestOf('GET /nowhere/last')));
  const { records } = await gateway.admin<{ records: unknown[] }>('GET', '/v1/audit?limit=500');
  expect(JSON.stringify(records).includes(acme.key), 'in audit').toBe(false);
  expect(gateway.log().includes(acme.key), 'in log').toBe(false);
});
