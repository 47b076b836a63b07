import { Outage } from '../base/outage.ts';
import type { Json } from '../principals/principal.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Members of a JSON answer, by JSON pointer (RFC 6901). */
export type JsonPointer = readonly string[];

/** The semantics of the configuration have checked the grammar. */
export function compilePointer(text: string): JsonPointer {
  return text
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** `undefined`: there is no such member. */
export function memberAt(value: Json, pointer: JsonPointer): Json | undefined {
  let member: Json | undefined = value;
  for (const token of pointer) {
    if (typeof member !== 'object' || member === null) return undefined;
    // Of a list, its items have names; its length has none.
    if (Array.isArray(member) && !/^(?:0|[1-9]\d{0,8})$/.test(token)) return undefined;
    if (!Object.hasOwn(member, token)) return undefined;
    member = (member as Readonly<Record<string, Json>>)[token];
  }
  return member;
}

/**
 * What an upstream answered. Whole numbers that a double cannot hold become text: two users whose 64-bit ids differ in the last digit
 * would be one. Throws `Outage('login_unavailable')` for what is not JSON in UTF-8; `what` names the answer in the log.
 */
export function parseAnswer(body: Buffer, what: string): Json {
  try {
    return JSON.parse(UTF8.decode(body), keepLargeIntegers) as Json;
  } catch {
    throw new Outage('login_unavailable', `${what} is not JSON`);
  }
}

function keepLargeIntegers(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  return context?.source ?? value;
}
