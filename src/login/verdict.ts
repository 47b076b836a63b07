import { Outage } from '../base/outage.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import { readSetCookie } from '../sessions/set-cookie.ts';
import { compilePointer, memberAt, parseAnswer } from './json-answer.ts';
import { type LoginAnswer, valuesOf } from './own-requests.ts';

/** The error is the reason, for the log. Throws `Outage('login_unavailable')` for what is neither yes nor no. */
export type Judge = (answer: LoginAnswer, target: string, now: number) => Result<true, string>;

/** Statuses that say nothing of the password: the server is at fault, or wants to be left alone (RFC 9110 §15.6, RFC 6585 §4). */
export function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

/** What a right password looks like: everything that is configured has to be so. */
export function compileVerdict(success: LoginSettings['success'], basePath: string): Judge {
  const present = success.present === undefined ? undefined : compilePointer(success.present);
  const wanted = new Set(success.status);
  return (answer, target, now) => {
    const { status } = answer;
    if (isOutage(status)) throw new Outage('login_unavailable', `the login was answered ${status}`);
    if (!wanted.has(status)) return err(`the login was answered ${status}`);
    if (
      present !== undefined &&
      !isThere(memberAt(parseAnswer(answer.body, 'the answer to the login'), present))
    )
      return err(`the answer lacks ${success.present ?? ''}`);
    if (success.cookie !== undefined && !setsCookie(answer, success.cookie, target, now))
      return err(`the answer does not set the cookie ${success.cookie}`);
    if (success.location === undefined) return ok(true);
    const path = locationPath(valuesOf(answer.fields, 'location')[0], basePath);
    if (path === undefined) return err('the answer leads nowhere');
    return path.startsWith(success.location.not)
      ? err(`the answer leads to ${success.location.not}`)
      : ok(true);
  };
}

/** `{"success": false, "user": null}` is how some say no. */
function isThere(member: unknown): boolean {
  return member !== undefined && member !== null && member !== false;
}

function setsCookie({ setCookies }: LoginAnswer, name: string, target: string, now: number): boolean {
  return setCookies.some((field) => {
    const cookie = readSetCookie(field, target, now);
    return cookie?.name === name && cookie.value !== '' && (cookie.expiresAt ?? Infinity) > now;
  });
}

/** The path that a Location leads to, in the words of the configuration: without base path. `undefined`: there is none. */
export function locationPath(location: string | undefined, basePath: string): string | undefined {
  if (location === undefined || !URL.canParse(location, 'http://upstream.invalid/')) return undefined;
  const { pathname } = new URL(location, 'http://upstream.invalid/');
  const isBelow = basePath !== '' && pathname.startsWith(`${basePath}/`);
  return isBelow ? pathname.slice(basePath.length) : pathname;
}
