import type { Credentials } from './credentials.ts';
import type { ModeName } from './mode-names.ts';

/** One request, and what has to become of it in every mode. */
export interface Row {
  readonly title: string;
  /** `GET /path`, as it goes over the wire. */
  readonly line: string;
  /** Default: acme.gw.test. */
  readonly host?: string;
  /** Lines of fields. */
  readonly fields?: (of: Credentials) => readonly string[];
  readonly body?: string;
  /** Status, and the deny code of a refusal: `200`, `401 credential_missing`. */
  readonly decision: string;
  /** What the upstream is told. Required of what is admitted. */
  readonly told?: Told;
  /** Where a dialect or the proxy in front leaves no choice. */
  readonly except?: Readonly<Partial<Record<ModeName, Exception>>>;
}

export interface Exception {
  /** A status without a code is the proxy's own answer: Gatehouse was not asked. */
  readonly decision?: string;
  readonly told?: Told;
  /** What the upstream gets in place of the line. */
  readonly line?: string;
  /** Nothing reaches the upstream, whatever the status. */
  readonly isAnsweredByItself?: true;
  readonly why: string;
}

/** Each field once; those that are not named are absent, or empty where the proxy in front cannot take a field out. */
export interface Told {
  readonly fields: Readonly<Record<string, string>>;
  /** Claims of the assertion; `undefined`: there is none. */
  readonly assertion: Readonly<Record<string, unknown>> | undefined;
}

const LEGACY_KEYS: Readonly<Record<string, string>> = {
  acme: 'acme-legacy-4711',
  globex: 'globex-legacy-0815',
};

function told(
  tenant: string,
  fields: Readonly<Record<string, string>>,
  claims: Readonly<Record<string, unknown>>,
): Told {
  return {
    fields: { 'x-tenant-id': tenant, 'x-legacy-key': LEGACY_KEYS[tenant] ?? '', ...fields },
    assertion: { tenant, ...claims },
  };
}

const CLERK = { roles: ['clerk'], scope: 'orders:read' };
const USER = { 'x-user-roles': 'clerk' };
const ANNA = { 'x-user-id': '17', ...USER };
const BOB = { 'x-user-id': 'bob', ...USER };

/** Keys are known in the assertion by the names of the credentials. */
export const BY_KEY = told('acme', USER, { sub: 'key:key', client: 'key:key', ...CLERK });
export const BY_GLOBEX_KEY = told('globex', {}, { sub: 'key:globexKey', client: 'key:globexKey', roles: [] });
export const BY_ADMIN_KEY = told(
  'acme',
  { 'x-user-roles': 'manager' },
  { sub: 'key:adminKey', client: 'key:adminKey', roles: ['manager'], scope: 'admin' },
);
/** Bob, a user of the issuer. */
export const BY_TOKEN = told('acme', BOB, { sub: 'user:idp:bob', client: 'client:idp:app', ...CLERK });
export const BY_GLOBEX_TOKEN = told('globex', BOB, {
  sub: 'user:idp:bob',
  client: 'client:idp:app',
  ...CLERK,
});
/** Anna, by a token of ours or her session. */
export const BY_OWN_TOKEN = told('acme', ANNA, {
  sub: 'user:legacy:acme:17',
  client: 'client:desktop',
  ...CLERK,
});
export const BY_SESSION = told('acme', ANNA, {
  sub: 'user:legacy:acme:17',
  client: 'client:web-app',
  ...CLERK,
});
/** A client of ours that acts for itself. */
export const BY_CLIENT = told(
  'acme',
  {},
  { sub: 'client:erp', client: 'client:erp', roles: [], scope: 'orders:read' },
);
/** Key and user together. */
export const BY_PAIR = told('acme', BOB, { sub: 'user:idp:bob', client: 'key:key', ...CLERK });
export const BY_SESSION_PAIR = told('acme', ANNA, {
  sub: 'user:legacy:acme:17',
  client: 'key:key',
  ...CLERK,
});
/** Nobody, on a public route. */
export const BY_NOBODY: Told = { fields: {}, assertion: undefined };

export function withField(base: Told, name: string, value: string): Told {
  return { ...base, fields: { ...base.fields, [name]: value } };
}

export const bearer = (token: string) => `Authorization: Bearer ${token}`;
export const keyField = (key: string) => `X-API-Key: ${key}`;
export const cookie = (value: string) => `Cookie: __Host-gatehouse=${value}`;

/** The proxy in front refuses by itself, before anybody is asked. */
export function byItself(status: number, why: string): Exception {
  return { decision: String(status), isAnsweredByItself: true, why };
}

export function mended(told: Told, line: string, why: string): Exception {
  return { decision: '200', told, line, why };
}

const ALIAS: Exception = {
  decision: '400 request_malformed',
  why: 'passes fields of any name on, and no answer can take out one that it does not know',
};
/** nginx drops such names by itself, as Gatehouse does where it forwards. */
export const ALIASES_REFUSED = { traefik: ALIAS, caddy: ALIAS, haproxy: ALIAS, ...inEnvoy(ALIAS) } as const;

const UNDERSCORES = byItself(400, 'is told to refuse names with underscores');
export const UNDERSCORES_REFUSED = { ...ALIASES_REFUSED, ...inEnvoy(UNDERSCORES) } as const;

/** The same by HTTP and by gRPC. */
export function inEnvoy(exception: Exception) {
  return { 'envoy-http': exception, 'envoy-grpc': exception } as const;
}
