import { quoted } from '../base/quoted.ts';
import type { SettingProblem } from '../base/setting-problem.ts';
import type { Client } from './client.ts';
import { isOriginAsSent, WEB_ORIGIN } from './web-origin.ts';

/** What is said about a client, wherever it is said. */
export type ClientRights = Pick<
  Client,
  'isPublic' | 'grants' | 'scopes' | 'tenants' | 'login' | 'browserSession' | 'origins'
>;

/** `scope-token` of RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** What contradicts itself in a client, in the words of the configuration. That tenants and login exist is not asked here. */
export function problemsOfClient(rights: ClientRights): readonly SettingProblem[] {
  return [...problemsOfGrants(rights), ...problemsOfLogin(rights), ...problemsOfLists(rights)];
}

function problemsOfGrants({ isPublic, grants }: ClientRights): readonly SettingProblem[] {
  const index = grants.indexOf('client_credentials');
  if (!isPublic || index === -1) return [];
  return [
    {
      path: ['grants', index],
      found: '"client_credentials" of a public client',
      expected: 'a grant in which a user logs in, since a public client cannot prove who it is',
    },
  ];
}

function problemsOfLogin({ login, grants, browserSession }: ClientRights): readonly SettingProblem[] {
  const user = browserSession ? 'browserSession' : 'password';
  if (login !== undefined || !(browserSession || grants.includes('password'))) return [];
  return [
    { path: ['login'], found: `"${user}" without "login"`, expected: 'the login by which its users log in' },
  ];
}

function problemsOfLists({ grants, scopes, tenants, origins }: ClientRights): readonly SettingProblem[] {
  return [
    ...repeated('grants', grants),
    ...repeated('scopes', scopes),
    ...repeated('tenants', tenants === 'any' ? [] : tenants),
    ...repeated('origins', origins),
    ...wrong('scopes', scopes, (scope) => SCOPE.test(scope), 'printable ASCII without spaces, " and \\'),
    ...wrong(
      'origins',
      origins,
      (origin) => WEB_ORIGIN.test(origin) && isOriginAsSent(origin),
      'an origin such as https://app.example.com, as browsers write it',
    ),
  ];
}

function repeated(member: string, entries: readonly string[]): readonly SettingProblem[] {
  return entries.flatMap((entry, index) =>
    entries.indexOf(entry) === index
      ? []
      : [{ path: [member, index], found: `${quoted(entry)} again`, expected: 'each of them once' }],
  );
}

function wrong(
  member: string,
  entries: readonly string[],
  isRight: (entry: string) => boolean,
  expected: string,
): readonly SettingProblem[] {
  return entries.flatMap((entry, index) =>
    isRight(entry) ? [] : [{ path: [member, index], found: quoted(entry), expected }],
  );
}
