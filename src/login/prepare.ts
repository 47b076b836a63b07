import { Outage } from '../base/outage.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { Json } from '../principals/principal.ts';
import { readSetCookie } from '../sessions/set-cookie.ts';
import { inputValue } from './html-inputs.ts';
import { compilePointer, memberAt, parseAnswer } from './json-answer.ts';
import { type LoginAnswer, valuesOf } from './own-requests.ts';

type PrepareSettings = NonNullable<LoginSettings['prepare']>;
type Place = PrepareSettings['values'][string];
type ReadPlace = (answer: LoginAnswer, target: string, now: number) => string | undefined;

const WHAT = 'the answer to the prepare request';

/** Reads the values for `{prepare.NAME}`. Throws `Outage('login_unavailable')` where one is missing. */
export function compilePrepared({ request, values }: PrepareSettings) {
  const readers = Object.entries(values).map(([name, place]) => [name, compilePlace(place)] as const);
  return (answer: LoginAnswer, now: number): ReadonlyMap<string, string> => {
    if (answer.status >= 400) throw new Outage('login_unavailable', `${WHAT} is ${answer.status}`);
    return new Map(
      readers.map(([name, read]) => {
        const value = read(answer, request.target, now);
        if (value === undefined) throw new Outage('login_unavailable', `${WHAT} has no value for ${name}`);
        return [name, value] as const;
      }),
    );
  };
}

function compilePlace(place: Place): ReadPlace {
  if ('json' in place) {
    const pointer = compilePointer(place.json);
    return ({ body }) => textOf(memberAt(parseAnswer(body, WHAT), pointer));
  }
  if ('cookie' in place) return (answer, target, now) => cookieValue(answer, place.cookie, target, now);
  if ('field' in place) return ({ fields }) => valuesOf(fields, place.field.toLowerCase())[0];
  return ({ body }) => inputValue(body.toString('utf8'), place.input);
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function cookieValue(
  { setCookies }: LoginAnswer,
  name: string,
  target: string,
  now: number,
): string | undefined {
  return setCookies
    .map((field) => readSetCookie(field, target, now))
    .findLast((cookie) => cookie?.name === name)?.value;
}
