/** What the lines of users are held to. Each says in a phrase what was wrong. */
import { valuesOf } from './checks.ts';
import type { Check } from './demo-line.ts';

/** Cookies by which the legacy API knows a session. */
const LEGACY_COOKIES = ['ASP.NET_SessionId', 'auth'];

/** The answer sets exactly these cookies; each value with its attributes as described. */
export function setsCookies(expected: Readonly<Record<string, RegExp>>): Check {
  return ({ answer }) => {
    const set = (answer?.fields ?? [])
      .filter(([name]) => name === 'set-cookie')
      .map(([, value]) => value)
      .map((value) => [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)] as const);
    const names = set.map(([name]) => name);
    const wanted = Object.keys(expected);
    if (names.toSorted().join() !== wanted.toSorted().join())
      return `it set the cookies ${names.join(', ') || '(none)'}, not ${wanted.join(', ') || 'none'}`;
    const wrong = set.find(([name, value]) => expected[name]?.test(value) !== true);
    return wrong === undefined ? undefined : `the cookie ${wrong[0]} is not as it should be`;
  };
}

/** One request reached the legacy API, with this tenant and user, and with the cookies of its own login alone. */
export function arrivesAsUser(tenant: string, user: string): Check {
  return ({ received }) => {
    const [request] = received;
    if (request === undefined || received.length > 1)
      return `the legacy API received ${received.length} requests, not 1`;
    const identity = ['X-Tenant-Id', 'X-User-Id'].map((name) => valuesOf(request, name).join(' and '));
    if (identity.join() !== `${tenant},${user}`) return `it arrived as ${identity.join(' ')}`;
    const cookies = valuesOf(request, 'Cookie').join('; ').split('; ');
    const names = cookies.map((pair) => pair.split('=', 1)[0] ?? '');
    if (names.toSorted().join() !== LEGACY_COOKIES.toSorted().join())
      return `it arrived with the cookies ${names.join(', ')}`;
    return cookies.some((pair) => pair.includes('=gh')) ? "the gateway's own cookie arrived" : undefined;
  };
}

export function bodyLacks(part: string): Check {
  return ({ answer }) => (answer?.body.includes(part) === false ? undefined : `the body has ${part}`);
}
