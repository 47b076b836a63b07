import { parseStrictJson } from '../authentication/strict-json.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Json } from '../principals/principal.ts';
import { type Refused, refused } from './outcome.ts';

/** Types of members. Those that end in `?` may be missing. */
export type BodyShape = Readonly<Record<string, 'text' | 'text?' | 'boolean?'>>;

export type BodyOf<S extends BodyShape> = {
  readonly [K in keyof S]: S[K] extends 'text'
    ? string
    : S[K] extends 'text?'
      ? string | undefined
      : boolean | undefined;
};

/** `application/json`, in UTF-8 if it says so (RFC 8259 §8.1). What a form of a page elsewhere can send is none. */
const JSON_TYPE = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i;

/** Reads a JSON object that has these members and no others. Texts are not empty. */
export function readJsonBody<S extends BodyShape>(call: EndpointCall, shape: S): Result<BodyOf<S>, Refused> {
  const contentType = call.isRepeated('content-type') ? undefined : call.field('content-type');
  if (contentType === undefined || !JSON_TYPE.test(contentType))
    return malformed('Content-Type is not application/json');
  const parsed = parseStrictJson(call.body);
  if (!parsed.ok) return malformed(`the body ${parsed.error}`);
  const members = parsed.value;
  if (Object.keys(members).some((name) => !Object.hasOwn(shape, name)))
    return malformed('the body has a member that is not known here');
  const wrong = Object.entries(shape).find(([name, type]) => !isOfType(membersOwn(members, name), type));
  return wrong === undefined
    ? ok(members as BodyOf<S>)
    : malformed(`the member ${wrong[0]} is missing, empty or of another type`);
}

function membersOwn(members: Readonly<Record<string, Json>>, name: string): Json | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function isOfType(value: Json | undefined, type: BodyShape[string]): boolean {
  if (value === undefined) return type.endsWith('?');
  return type === 'boolean?' ? typeof value === 'boolean' : typeof value === 'string' && value !== '';
}

function malformed(reason: string): Result<never, Refused> {
  return err(refused('request_malformed', reason));
}
