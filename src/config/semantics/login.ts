import { checkTenantCredentials } from '../../assertion/upstream-credentials.ts';
import type { SettingProblem } from '../../base/setting-problem.ts';
import { OWN_ISSUER } from '../../sessions/session-principal.ts';
import { type LoginPiece, type PlacedText, parseLoginTemplate, textsOf } from '../login-template.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { LoginSettings, Settings } from '../schema/config.ts';
import { requireKnown } from './entries.ts';
import { checkIntercepts } from './intercepts.ts';

/** Logins that can be asked, say what they look for, and keep what is not ours. */
export function checkLogins(settings: Settings, report: Report): void {
  for (const [name, login] of Object.entries(settings.login)) {
    const path = ['login', name];
    if (name === OWN_ISSUER || Object.hasOwn(settings.issuers, name))
      report.problem(path, {
        found: `the name ${JSON.stringify(name)}, which ${name === OWN_ISSUER ? 'stands for the gateway itself' : 'an issuer has'}`,
        expected: 'a name of its own',
        at: 'key',
      });
    requireKnown(report, [...path, 'upstream'], login.upstream, settings.upstreams, 'upstream');
    checkTemplates(settings, report, path, login);
    checkAccount(report, path, login);
    checkKeeping(settings, report, path, login);
    if (login.timeout === 0) report.problem([...path, 'timeout'], { expected: 'more than 0' });
  }
  checkIntercepts(settings, report);
}

interface UsedPlaceholder {
  readonly path: ConfigPath;
  readonly piece: LoginPiece;
}

function checkTemplates(settings: Settings, report: Report, path: ConfigPath, login: LoginSettings): void {
  const { request, switchTenant, logout } = login;
  if ((request.json === undefined) === (request.form === undefined))
    report.problem([...path, 'request'], {
      found: request.json === undefined ? 'neither "json" nor "form"' : 'both "json" and "form"',
      expected: 'one of them',
    });
  const place = [...path, 'request'];
  const inBody = [...placed([...place, 'json'], request.json), ...placed([...place, 'form'], request.form)];
  const inFields = placed([...place, 'fields'], request.fields);
  const used = placeholdersIn(report, [...inBody, ...inFields]);
  for (const kind of ['username', 'password'] as const)
    if (!used.some(({ piece }) => piece.kind === kind))
      report.problem(place, { found: `no {${kind}}`, expected: `{${kind}} in one of its values` });
  requirePrepared(report, used, login.prepare, 'prepare');

  const switchPlace = [...path, 'switchTenant'];
  const inSwitchFields = placed([...switchPlace, 'fields'], switchTenant?.fields);
  const inLogoutFields = placed([...path, 'logout', 'fields'], logout?.fields);
  const inLogout = placeholdersIn(report, [
    ...placed([...path, 'logout', 'form'], logout?.form),
    ...inLogoutFields,
  ]);
  requirePrepared(report, inLogout, logout?.prepare, 'logout.prepare');
  if (logout?.form !== undefined && logout.request.method === 'GET')
    report.problem([...path, 'logout', 'form'], {
      found: '"form" with a GET request',
      expected: 'another method, or no such key',
      at: 'key',
    });
  const inSwitch = placeholdersIn(report, [
    ...placed([...switchPlace, 'json'], switchTenant?.json),
    ...inSwitchFields,
  ]);
  const misplaced = [
    ...inSwitch.filter(({ piece }) => isOfLogin(piece) || piece.kind === 'prepared'),
    ...inLogout.filter(({ piece }) => isOfLogin(piece)),
  ];
  for (const { path: at } of misplaced)
    report.problem(at, {
      found: 'a placeholder of a login',
      expected: '{tenant.id} and {tenant.credentials.NAME}: nobody types a password here',
    });
  for (const field of [...inFields, ...inSwitchFields, ...inLogoutFields])
    if (String(field.path.at(-1)).toLowerCase() === 'cookie')
      report.problem(field.path, {
        found: 'the field Cookie',
        expected: 'another one: cookies of `prepare` and kept ones are sent by themselves',
        at: 'key',
      });
  checkCredentials(settings, report, path, [...used, ...inSwitch, ...inLogout]);
}

function isOfLogin({ kind }: LoginPiece): boolean {
  return kind === 'username' || kind === 'password';
}

function requirePrepared(
  report: Report,
  used: readonly UsedPlaceholder[],
  prepare: LoginSettings['prepare'],
  key: string,
): void {
  for (const { path: at, piece } of used)
    if (piece.kind === 'prepared' && !Object.hasOwn(prepare?.values ?? {}, piece.name))
      report.problem(at, {
        found: `{prepare.${piece.name}}, which is not prepared`,
        expected: `${key}.values.${piece.name}`,
      });
}

function placed(
  path: ConfigPath,
  template: Parameters<typeof textsOf>[0] | undefined,
): readonly PlacedText[] {
  return template === undefined ? [] : textsOf(template, path);
}

function placeholdersIn(report: Report, texts: readonly PlacedText[]): readonly UsedPlaceholder[] {
  return texts.flatMap(({ path, text }): readonly UsedPlaceholder[] => {
    const template = parseLoginTemplate(text);
    if (template.ok) return template.value.map((piece) => ({ path, piece }));
    report.problem(path, template.error);
    return [];
  });
}

function checkCredentials(
  settings: Settings,
  report: Report,
  path: ConfigPath,
  used: readonly UsedPlaceholder[],
): void {
  const namesIn = (uses: readonly UsedPlaceholder[]) => [
    ...new Set(uses.flatMap(({ piece }) => (piece.kind === 'tenantCredential' ? [piece.name] : []))),
  ];
  const { missing } = checkTenantCredentials(namesIn(used), settings.tenants);
  for (const problem of missing)
    report.warning(
      ['tenants', ...problem.path],
      `the login ${String(path[1])} wants this credential; logins to the tenant will be answered 503`,
    );
  const inFields = used.filter(({ path: place }) => place.includes('fields'));
  const { unusable } = checkTenantCredentials(namesIn(inFields), settings.tenants);
  relay(report, ['tenants'], unusable);
}

function relay(report: Report, prefix: ConfigPath, problems: readonly SettingProblem[]): void {
  for (const { path, found, expected } of problems) report.problem([...prefix, ...path], { found, expected });
}

function checkAccount(report: Report, path: ConfigPath, login: LoginSettings): void {
  if (login.user.tenants !== undefined && login.membershipAuthority !== 'shared')
    report.problem([...path, 'user', 'tenants'], {
      found: '"tenants" without "membershipAuthority: shared"',
      expected: 'no such key, since the login proves one tenant only',
      at: 'key',
    });
  const { sessionLost } = login;
  if (sessionLost !== undefined && sessionLost.status === undefined && sessionLost.location === undefined)
    report.problem([...path, 'sessionLost'], {
      found: 'neither "status" nor "location"',
      expected: 'at least one of them',
      at: 'key',
    });
}

/** What a browser holds of us is no cookie of an upstream. */
function checkKeeping(
  settings: Settings,
  report: Report,
  path: ConfigPath,
  { keep, upstream }: LoginSettings,
): void {
  const { name } = settings.sessions.cookie;
  const own = [`__Host-${name}`, `__Secure-${name}-remember`];
  for (const [index, cookie] of keep.cookies.entries())
    if (own.includes(cookie))
      report.problem([...path, 'keep', 'cookies', index], {
        expected: 'a cookie of the upstream; this is the name of one of ours',
      });
  const isKept = keep.cookies.length + Object.keys(keep.fields).length > 0;
  const isSent = settings.upstreams[upstream]?.credentials.cookies === 'fromLogin';
  if (isKept && Object.hasOwn(settings.upstreams, upstream) && !isSent)
    report.warning(
      [...path, 'keep'],
      `what is kept is never sent, since upstreams.${upstream}.credentials has no "cookies: fromLogin"`,
    );
}
