import type { Random } from '../random.ts';
import {
  ADMIN_TOKEN,
  clientOf,
  clientSecretOf,
  type KnownCredential,
  PASSWORD,
  TENANTS,
} from '../scene/credentials.ts';
import { hiddenRequest, type Wish, writeRequest } from './request.ts';
import { cut, damage, headOf } from './text.ts';

export const SURFACES = ['public', 'check', 'endpoints', 'admin', 'ops'] as const;
export type Surface = (typeof SURFACES)[number];

/** What a client does on its connection. */
export type Step =
  /** Latin-1. */
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'pause'; readonly milliseconds: number }
  /** No more is sent; what comes is still read. */
  | { readonly kind: 'halfClose' }
  | { readonly kind: 'reset' };

/** One connection of one client. */
export interface FuzzCase {
  readonly id: number;
  readonly surface: Surface;
  readonly steps: readonly Step[];
  /** Of what a hostile upstream answers to its requests. */
  readonly answerSeed: number;
}

/** After which nobody waits for more: longer than the gateway waits for what does not come. */
const LAST_PAUSE_MS = 300;

/** By what a target tells which case it is of, however it was garbled. */
export const MARKER = /m(\d+)x\d+/;

type Credentials = readonly [KnownCredential, ...KnownCredential[]];

/** `oddity`: share of what has something wrong with it. */
export function makeCase(id: number, random: Random, credentials: Credentials, oddity: number): FuzzCase {
  const surface = random.chance(0.65) ? 'public' : random.pick(SURFACES);
  const count = random.chance(0.5) ? 1 : 1 + random.integer(4);
  const texts = Array.from({ length: count }, (_, index) => {
    const text = WRITERS[surface]({ target: `m${id}x${index}`, credentials, oddity }, random);
    return random.chance(oddity * 0.4) ? damage(text, random) : text;
  });
  if (random.chance(0.7)) texts.push(closing(surface, `m${id}x${count}`, credentials[0]));
  // A request that hides behind the last one, half of it.
  if (random.chance(oddity * 0.1)) {
    const hidden = hiddenRequest({ target: `/api/m${id}x99`, credentials, oddity }, random);
    texts.push(hidden.slice(0, random.integer(hidden.length)));
  }
  const steps = stepsOf(texts.join(''), random);
  const ends = steps.some(({ kind }) => kind === 'halfClose' || kind === 'reset');
  return {
    id,
    surface,
    steps: ends ? steps : [...steps, { kind: 'pause', milliseconds: LAST_PAUSE_MS }, { kind: 'halfClose' }],
    answerSeed: random.integer(2 ** 31),
  };
}

function stepsOf(text: string, random: Random): readonly Step[] {
  const steps: Step[] = [];
  for (const piece of random.chance(0.5) ? [text] : cut(text, random)) {
    if (steps.length > 0 && random.chance(0.7))
      steps.push({ kind: 'pause', milliseconds: random.integer(4) });
    steps.push({ kind: 'send', text: piece });
  }
  if (random.chance(0.2)) {
    steps.push({ kind: 'pause', milliseconds: random.integer(10) });
    steps.push({ kind: random.chance(0.5) ? 'halfClose' : 'reset' });
  }
  return steps;
}

/** A request in order, whose answer ends the connection: what was taken for the end of those before it shows in it. */
function closing(surface: Surface, marker: string, { value }: KnownCredential): string {
  const line = {
    public: `GET /api/${marker}`,
    endpoints: `GET /api/${marker}`,
    check: 'GET /authz/x',
    admin: 'GET /',
    ops: 'GET /livez',
  };
  return headOf([`${line[surface]} HTTP/1.1`, 'Host: gw.test', 'Connection: close', `X-API-Key: ${value}`]);
}

const WRITERS: Readonly<Record<Surface, (wish: Wish, random: Random) => string>> = {
  public: (wish, random) =>
    writeRequest(
      { ...wish, target: `/${random.pick(['api', 'api', 'hostile', 'public'])}/${wish.target}` },
      random,
    ),
  check: writeCheck,
  endpoints: writeEndpointCall,
  admin: writeAdministration,
  ops: (wish, random) =>
    headOf([
      `${random.pick(['GET', 'HEAD', 'POST'])} ${random.pick(['/metrics', '/livez', '/readyz', '/%00', `/${wish.target}`])} HTTP/1.1`,
      'Host: gw.test',
    ]),
};

/** A check as a proxy in front would ask, with the fields of the client among its own. */
function writeCheck(wish: Wish, random: Random): string {
  const original = `/${random.pick(['api', 'api', 'public'])}/${wish.target}`;
  const request = writeRequest({ ...wish, target: original, oddity: wish.oddity * 0.6 }, random);
  const lineEnd = request.indexOf('\r\n');
  const method = request.slice(0, request.indexOf(' '));
  const lines = random.pick<readonly string[]>([
    [
      'GET /authz/forward HTTP/1.1',
      `X-Forwarded-Method: ${method}`,
      `X-Forwarded-Uri: ${original}`,
      'X-Forwarded-Host: gw.test',
    ],
    [
      'GET /authz/nginx HTTP/1.1',
      `X-Original-URL: https://gw.test${original}`,
      `X-Original-Method: ${method}`,
    ],
    [`${method} /authz/envoy${original} HTTP/1.1`],
  ]);
  return `${lines.join('\r\n')}${request.slice(lineEnd)}`;
}

function framedCall(line: string, type: string, body: string, fields: readonly string[]): string {
  return (
    headOf([
      `${line} HTTP/1.1`,
      'Host: acme.gw.test',
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      ...fields,
    ]) + body
  );
}

/** Calls to the gateway's own endpoints, whose bodies it parses by itself. */
function writeEndpointCall(wish: Wish, random: Random): string {
  const tenant = random.pick(TENANTS);
  const basic = Buffer.from(`${clientOf(tenant)}:${clientSecretOf(tenant)}`).toString('base64');
  const authorization = random.pick([
    [`Authorization: Basic ${basic}`],
    [`Authorization: Basic ${basic.slice(0, -1)}`],
    ['Authorization: Basic'],
    ['Authorization: Basic %%%'],
    [`Authorization: Basic ${Buffer.from('\0:\xff').toString('base64')}`],
    [],
  ]);
  const form = random.pick([
    'grant_type=client_credentials',
    'grant_type=client_credentials&scope=a%20b',
    'grant_type=client_credentials&grant_type=refresh_token',
    'grant_type=refresh_token&refresh_token=ghr_x',
    'grant_type=password&username=a&password=b',
    'grant_type=%zz&%=&=&&',
    `token=gha_${'x'.repeat(43)}&token_type_hint=access_token`,
    '__proto__=1&constructor=2',
    `grant_type=${'x'.repeat(20_000)}`,
    '',
  ]);
  const json = random.pick([
    `{"client_id":"web-app","username":"anna","password":"${PASSWORD}"}`,
    '{"client_id":"web-app","username":"anna"}',
    '{"client_id":"web-app","client_id":"other","username":"a","password":"b"}',
    '{"__proto__":{"client_id":"web-app"}}',
    '[]',
    'null',
    '"\\ud800"',
    `{"a":${'['.repeat(5_000)}`,
    '{',
    '1e999',
  ]);
  const meant = ['Gatehouse-CSRF: 1', 'Sec-Fetch-Site: same-origin'];
  const calls = [
    () =>
      framedCall(
        `POST /oauth/${random.pick(['token', 'introspect', 'revoke'])}`,
        random.pick([
          'application/x-www-form-urlencoded',
          'application/json',
          'x',
          'application/x-www-form-urlencoded; charset=utf-7',
        ]),
        form,
        authorization,
      ),
    () =>
      framedCall(
        `${random.pick(['POST', 'POST', 'DELETE', 'GET'])} /session${random.pick(['', '/refresh', '/tenant', '/ticket', '/'])}`,
        random.pick(['application/json', 'application/json', 'text/plain']),
        json,
        random.chance(0.8) ? meant : [],
      ),
    () =>
      headOf([
        `GET ${random.pick(['/.well-known/jwks.json', '/.well-known/oauth-authorization-server', '/.well-known/oauth-protected-resource', '/oauth/token', '/session'])} HTTP/1.1`,
        'Host: gw.test',
      ]),
    () => writeRequest({ ...wish, target: `/api/${wish.target}` }, random),
  ] as const;
  return random.pick(calls)();
}

/** Nothing that takes away what the other cases need: with the token it reads, and makes keys. */
function writeAdministration(wish: Wish, random: Random): string {
  const authorization = random.pick([
    [`Authorization: Bearer ${ADMIN_TOKEN}`],
    ['Authorization: Bearer x'],
    [],
  ]);
  const body = random.pick([
    '{"tenant":"acme","name":"fuzz"}',
    '{"tenant":"acme","name":"fuzz","scopes":["\\u0000"]}',
    '{"tenant":"../acme","name":"fuzz"}',
    '{"tenant":{"__proto__":1},"name":[]}',
    '{"tenant":"acme","name":"fuzz","expiresAt":"yesterday"}',
    `{"tenant":"acme","name":"${'x'.repeat(3_000)}"}`,
    '[[[[',
    '',
  ]);
  const paths = [
    '/v1/keys?limit=1',
    '/v1/keys?limit=-1',
    '/v1/keys/zzzzzzzz',
    '/v1/audit?limit=2',
    '/v1/audit?limit=1&after=%00',
    '/v1/tenants/acme',
    '/v1/tenants/%2e%2e',
    '/v1/sessions',
    '/v1/openapi.json',
    `/v1/${wish.target}`,
  ] as const;
  return random.chance(0.5)
    ? headOf([`GET ${random.pick(paths)} HTTP/1.1`, 'Host: admin', ...authorization])
    : framedCall(
        'POST /v1/keys',
        random.pick(['application/json', 'text/plain', 'application/json;x']),
        body,
        authorization,
      );
}
