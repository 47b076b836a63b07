import { escapeKeyPart } from '../base/key-part.ts';
import { Outage } from '../base/outage.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { Json } from '../principals/principal.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import { compilePointer, type JsonPointer, memberAt } from './json-answer.ts';
import type { Account } from './login-bridge.ts';

/** Characters of a user's id or name, UTF-16 units. */
const LONGEST_ID = 256;
/** Of the profile as JSON: it is in every session. */
const LONGEST_PROFILE = 16 * 1024;
const MOST_ROLES = 200;
/** In place of a JSON pointer: the user name as it was typed. */
export const TYPED = '{username}';

export interface Claimant {
  readonly tenant: TenantId;
  readonly username: string;
}

export interface AccountReader {
  /** False: everything is known without the upstream's answer, which need not be JSON then. */
  readonly readsAnswer: boolean;
  /** The error is a refusal: the user does not belong to the tenant. Throws `Outage('login_unavailable')` for what names no user. */
  read(answer: Json, claimant: Claimant): Result<Account, string>;
}

/** Who logged in, by the answer of an upstream that said yes. */
export function compileAccount(
  login: string,
  { user, membershipAuthority }: Pick<LoginSettings, 'user' | 'membershipAuthority'>,
): AccountReader {
  const isShared = membershipAuthority === 'shared';
  const readId = compileText(user.id);
  const readName = user.name === undefined ? undefined : compileText(user.name);
  const roles = optionalPointer(user.roles);
  const tenants = isShared ? optionalPointer(user.tenants) : undefined;
  const readProfile = compileProfile(user.profile);

  function read(answer: Json, { tenant, username }: Claimant): Result<Account, string> {
    const id = readId(answer, username);
    if (id === undefined) throw outage(`${user.id} is no id of a user`);
    const memberships = tenants === undefined ? [tenant] : readTenants(memberAt(answer, tenants));
    if (!memberships.includes(tenant)) return err(`the user does not belong to the tenant ${tenant}`);
    const name = readName?.(answer, username);
    const parts = isShared ? [login, id] : [login, tenant, id];
    return ok({
      subject: `user:${parts.map(escapeKeyPart).join(':')}`,
      user: { id, ...(name !== undefined && { name }) },
      tenants: [tenant, ...memberships.filter((each) => each !== tenant)],
      roles: roles === undefined ? [] : readRoles(memberAt(answer, roles)),
      profile: readProfile(answer),
    });
  }

  const places = [
    user.id,
    user.name ?? TYPED,
    ...[user.roles, tenants, user.profile].filter((place) => place !== undefined),
  ];
  return { readsAnswer: places.some((place) => place !== TYPED), read };
}

function outage(message: string): Outage {
  return new Outage('login_unavailable', `the upstream's answer cannot be used: ${message}`);
}

function optionalPointer(text: string | undefined): JsonPointer | undefined {
  return text === undefined ? undefined : compilePointer(text);
}

function compileText(place: string): (answer: Json, username: string) => string | undefined {
  if (place === TYPED) return (_, username) => readText(username);
  const pointer = compilePointer(place);
  return (answer) => readText(memberAt(answer, pointer));
}

/** A fraction is no id, and its text differs from one language to the next. */
function readText(value: Json | undefined): string | undefined {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && text !== '' && text.length <= LONGEST_ID ? text : undefined;
}

/** A list of texts and whole numbers, or one text with spaces or commas. Absent and null: none. */
function readRoles(value: Json | undefined): readonly string[] {
  const words = readWords(value, 'the roles');
  if (words.length > MOST_ROLES) throw outage(`there are more than ${MOST_ROLES} roles`);
  return words;
}

/** Others than those that can be tenants here are none of ours. */
function readTenants(value: Json | undefined): readonly TenantId[] {
  const ids = readWords(value, 'the tenants').flatMap((word) => parseTenantId(word) ?? []);
  return [...new Set(ids)];
}

function readWords(value: Json | undefined, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '');
  if (!Array.isArray(value)) throw outage(`${what} are neither a list nor a text`);
  return (value as readonly Json[]).map((item) => {
    const text = readText(item);
    if (text === undefined) throw outage(`one of ${what} is no text of 1 to ${LONGEST_ID} characters`);
    return text;
  });
}

function compileProfile(profile: LoginSettings['user']['profile']): (answer: Json) => Account['profile'] {
  if (profile === undefined) return () => ({});
  const read = typeof profile === 'string' ? wholeObject(compilePointer(profile)) : namedMembers(profile);
  return (answer) => {
    const members = read(answer);
    if (Buffer.byteLength(JSON.stringify(members)) > LONGEST_PROFILE)
      throw outage(`the profile is longer than ${LONGEST_PROFILE} bytes`);
    return members;
  };
}

function wholeObject(pointer: JsonPointer): (answer: Json) => Account['profile'] {
  return (answer) => {
    const value = memberAt(answer, pointer);
    if (value === undefined || value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) throw outage('the profile is no object');
    return value as Account['profile'];
  };
}

function namedMembers(places: Readonly<Record<string, string>>): (answer: Json) => Account['profile'] {
  const pointers = Object.entries(places).map(([name, place]) => [name, compilePointer(place)] as const);
  return (answer) =>
    Object.fromEntries(
      pointers.flatMap(([name, pointer]) => {
        const value = memberAt(answer, pointer);
        return value === undefined ? [] : [[name, value] as const];
      }),
    );
}
