import { parseStrictJson } from '../authentication/strict-json.ts';
import { Secret } from '../base/secret.ts';
import { textsOf } from '../config/login-template.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import { compilePointer, type JsonPointer } from './json-answer.ts';
import type { ReadLogin } from './login-bridge.ts';

/** Longest body of a login that is looked at, bytes. */
const LONGEST_LOGIN = 64 * 1024;

/** Where a posted login has what. */
interface Places {
  readonly username: JsonPointer;
  readonly password: JsonPointer;
  readonly tenant: JsonPointer | undefined;
}

type Reader = (contentType: string | undefined, body: Buffer) => ReadLogin | undefined;

/**
 * Reads a login that a client posts, at the places where the request of the login block has its placeholders: upstream and gateway must see the same
 * user and tenant in it. What two parsers could read differently is no login: names that come twice or differ in case only, other types
 * than text, other charsets than UTF-8.
 */
export function createLoginReader({ request, tenant }: Pick<LoginSettings, 'request' | 'tenant'>): Reader {
  const tenantSource = tenant.find((source) => source.startsWith('body:'));
  const tenantPlace =
    tenantSource === undefined ? undefined : compilePointer(tenantSource.slice('body:'.length));
  const texts =
    request.json === undefined
      ? Object.entries(request.form ?? {}).map(([name, text]) => ({ path: [name], text }))
      : textsOf(request.json);
  const placeOf = (placeholder: string) => texts.find(({ text }) => text === placeholder)?.path.map(String);
  const username = placeOf('{username}');
  const password = placeOf('{password}');
  if (username === undefined || password === undefined) return () => undefined;
  const places: Places = { username, password, tenant: tenantPlace };
  const isJson = request.json !== undefined;
  return (contentType, body) => {
    if (body.length > LONGEST_LOGIN || !isOfType(contentType, isJson)) return undefined;
    const find = isJson ? jsonFinder(body) : formFinder(body);
    return find && readPlaces(places, find);
  };
}

/** `absent`: there is nothing at that place. `undefined`: something that cannot be read in one way. */
type Found = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'absent' } | undefined;
type Finder = (place: JsonPointer) => Found;

function readPlaces(places: Places, find: Finder): ReadLogin | undefined {
  const username = find(places.username);
  const password = find(places.password);
  const tenant = places.tenant === undefined ? ({ kind: 'absent' } as const) : find(places.tenant);
  if (username?.kind !== 'text' || password?.kind !== 'text' || tenant === undefined) return undefined;
  return {
    username: username.text,
    password: new Secret(password.text),
    ...(tenant.kind === 'text' && { tenant: tenant.text }),
  };
}

function isOfType(contentType: string | undefined, isJson: boolean): boolean {
  const [type = '', ...parameters] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const isRight = isJson
    ? /^(?:application|text)\/(?:[a-z0-9.-]+\+)?json$/.test(type)
    : type === 'application/x-www-form-urlencoded';
  return (
    isRight && parameters.every((each) => !each.startsWith('charset') || /^charset="?utf-?8"?$/.test(each))
  );
}

function jsonFinder(body: Buffer): Finder | undefined {
  const parsed = parseStrictJson(body);
  if (!parsed.ok) return undefined;
  return (place) => {
    let value: unknown = parsed.value;
    for (const name of place) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      const names = Object.keys(value).filter((each) => each.toLowerCase() === name.toLowerCase());
      if (names.length === 0) return { kind: 'absent' };
      if (names.length > 1 || names[0] !== name) return undefined;
      value = Reflect.get(value, name);
    }
    return typeof value === 'string' ? { kind: 'text', text: value } : undefined;
  };
}

/** Invalid UTF-8 would be replaced, and so read in two ways. */
function formFinder(body: Buffer): Finder | undefined {
  const text = body.toString('latin1');
  if (/[^\x20-\x7e]/.test(text)) return undefined;
  const pairs: (readonly [name: string, value: string])[] = [];
  for (const part of text.split('&')) {
    const equals = part.indexOf('=');
    const name = decodeFormText(equals === -1 ? part : part.slice(0, equals));
    const value = equals === -1 ? '' : decodeFormText(part.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
  }
  return ([place = '']) => {
    const found = pairs.filter(([name]) => foldFormName(name) === foldFormName(place));
    const [first] = found;
    if (first === undefined) return { kind: 'absent' };
    return found.length === 1 && first[0] === place ? { kind: 'text', text: first[1] } : undefined;
  };
}

function decodeFormText(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** `company`, `Company` and PHP's `company[]` are one variable to somebody. */
function foldFormName(name: string): string {
  return name.replace(/\[.*$/s, '').trim().toLowerCase();
}
