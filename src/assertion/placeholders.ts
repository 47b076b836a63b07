import { Outage } from '../base/outage.ts';
import type { Json } from '../principals/principal.ts';
import { encodeItem, encodeValue, isFieldValue } from './field-value.ts';
import type { IdentityContext } from './identity.ts';

/** A part of a template that differs by request: what it stands for, encoded; `undefined` = there is no value. */
export type ReadPlaceholder = (context: IdentityContext) => string | undefined;

const TENANT_CREDENTIALS = 'tenant.credentials.';
const USER = 'user.';
const MEMBER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** What may stand between braces, for messages and documentation. */
export const PLACEHOLDERS = [
  'tenant.id',
  'tenant.name',
  'user.id',
  'user.NAME',
  'subject',
  'roles',
  'scopes',
  'client.id',
  'client.subject',
  'credential.id',
] as const;

/** Where a pair of credentials was presented, the client is the one that the key identifies. */
const FIXED: Readonly<Record<string, ReadPlaceholder>> = {
  'tenant.id': ({ tenant }) => tenant?.id,
  'tenant.name': ({ tenant }) => valueOf(tenant?.name),
  'user.id': ({ principal }) => valueOf(principal?.userId),
  subject: ({ principal }) => valueOf(principal?.subject),
  roles: ({ principal }) => principal && listOf(principal.roles),
  scopes: ({ principal }) => principal && listOf(principal.scopes),
  'client.id': ({ principal, clientPrincipal }) => valueOf((clientPrincipal ?? principal)?.clientId),
  'client.subject': ({ principal, clientPrincipal }) => valueOf((clientPrincipal ?? principal)?.client),
  'credential.id': ({ principal }) => valueOf(principal?.credentialId),
};

/** `undefined` = no such placeholder. */
export function findPlaceholder(name: string): ReadPlaceholder | undefined {
  if (Object.hasOwn(FIXED, name)) return FIXED[name];
  const member = name.startsWith(USER) ? name.slice(USER.length) : '';
  return MEMBER.test(member)
    ? ({ principal }) => principal && memberOf(principal.profile, member)
    : undefined;
}

/** The NAME of `tenant.credentials.NAME`; `undefined` = something else. */
export function tenantCredentialOf(name: string): string | undefined {
  const credential = name.startsWith(TENANT_CREDENTIALS) ? name.slice(TENANT_CREDENTIALS.length) : '';
  return MEMBER.test(credential) ? credential : undefined;
}

/**
 * Reads a tenant's credential as it is: the upstream compares it byte by byte. `undefined` = the request has no tenant.
 * Throws `Outage('identity_unavailable')` if the tenant has none of that name, or one that no field can carry.
 */
export function readTenantCredential(name: string): ReadPlaceholder {
  return ({ tenant }) => {
    if (tenant === undefined) return undefined;
    const credential = Object.hasOwn(tenant.credentials, name) ? tenant.credentials[name] : undefined;
    const value = credential?.reveal();
    if (value === undefined)
      throw new Outage('identity_unavailable', `tenant ${tenant.id} has no credential ${name}`);
    if (!isFieldValue(value))
      throw new Outage('identity_unavailable', `credential ${name} of tenant ${tenant.id} is no field value`);
    return value;
  };
}

/** An empty text is no value: on the wire it could not be told from an absent one everywhere. */
function valueOf(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : encodeValue(text);
}

/** Lists are made once: the sets of a principal never change, and a principal outlives its request. */
const lists = new WeakMap<ReadonlySet<string>, string>();

function listOf(items: ReadonlySet<string>): string | undefined {
  let list = lists.get(items);
  if (list === undefined) {
    list = join([...items]);
    lists.set(items, list);
  }
  return list === '' ? undefined : list;
}

function join(items: readonly string[]): string {
  return items
    .filter((item) => item !== '')
    .map(encodeItem)
    .join(',');
}

/**
 * Texts, numbers, booleans, and lists of these. An object has no field value, and it shall not pass for a text that looks
 * like it: no value.
 */
function memberOf(profile: Readonly<Record<string, Json>>, name: string): string | undefined {
  const value = Object.hasOwn(profile, name) ? profile[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (isList(value)) return value.every(isPrintable) ? join(value.map(String)) || undefined : undefined;
  return isPrintable(value) ? valueOf(String(value)) : undefined;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isPrintable(value: Json): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
