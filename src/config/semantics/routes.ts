import { foldFieldName } from '../../http/field-names.ts';
import { normaliseHost } from '../../http/host.ts';
import { compilePathPattern, type PathPattern, shapeOfPattern } from '../../routing/path-pattern.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { RouteSettings, Settings } from '../schema/config.ts';
import { refuseDuplicates, requireKnown } from './entries.ts';

/** Routes that can be told apart, demand what they say and forward to what exists. */
export function checkRoutes(settings: Settings, report: Report): void {
  const { routes } = settings;
  refuseDuplicates(
    report,
    routes.map((route, index) => ({ path: ['routes', index, 'id'], text: route.id })),
    'an id',
  );
  refuseSameMatch(routes, report);
  for (const [index, route] of routes.entries()) {
    const path = ['routes', index];
    requireKnown(report, [...path, 'upstream'], route.upstream, settings.upstreams, 'upstream');
    checkAdmission(report, path, route);
    checkUsers(settings, report, path, route);
    checkObservation(report, path, route);
    checkPath(report, path, route);
    checkTenantField(settings, report, path, route);
    if (route.websocket !== undefined && route.match.methods?.includes('GET') === false)
      report.problem([...path, 'websocket'], {
        found: '"websocket" on a route without GET',
        expected: 'GET among match.methods, since every WebSocket begins with it',
        at: 'key',
      });
    if (route.timeouts.headers === 0)
      report.problem([...path, 'timeouts', 'headers'], { expected: 'more than 0' });
  }
}

/** Same host, same shape of path, same method: which of them decides would depend on the order. */
function refuseSameMatch(routes: readonly RouteSettings[], report: Report): void {
  const owners = new Map<string, string>();
  for (const [index, route] of routes.entries()) {
    const { host, methods, path } = route.match;
    const shape = `${host === undefined ? '' : (normaliseHost(host) ?? host.toLowerCase())} ${shapeOfPattern(compilePathPattern(path))}`;
    for (const [position, method] of (methods ?? ['every method']).entries()) {
      const key = `${shape} ${method}`;
      const owner = owners.get(key);
      if (owner !== undefined)
        report.problem(
          ['routes', index, 'match', ...(methods === undefined ? ['path'] : ['methods', position])],
          {
            found: `${method} of ${path}, which the route ${owner} has`,
            expected: 'each host, path and method in one route',
          },
        );
      owners.set(key, owner ?? route.id);
    }
  }
}

/** Loud on purpose: while it observes, the route protects nothing. */
function checkObservation(report: Report, path: ConfigPath, route: RouteSettings): void {
  if (route.observe === undefined) return;
  const until = new Date(route.observe.until).toISOString();
  report.warning(
    [...path, 'observe'],
    `the route refuses nothing until ${until}: every request passes as it came`,
  );
  if (route.public === true)
    report.problem([...path, 'observe'], {
      found: '"observe" on a public route',
      expected: 'no such key, since a public route refuses nobody',
      at: 'key',
    });
}

function checkAdmission(report: Report, path: ConfigPath, route: RouteSettings): void {
  if (route.public !== true) {
    if (route.lendTenantCredentials === true)
      report.problem([...path, 'lendTenantCredentials'], {
        found: '"lendTenantCredentials" on a route that is not public',
        expected: "no such key, since a principal brings its tenant's credentials anyway",
        at: 'key',
      });
    if (route.accept === undefined)
      report.problem(path, { found: 'neither "accept" nor "public"', expected: 'one of them' });
    return;
  }
  if (route.accept !== undefined)
    report.problem([...path, 'accept'], {
      found: '"accept" on a public route',
      expected: 'one of "accept" and "public"',
      at: 'key',
    });
  const { anyRole, allRoles, scopes } = route.require;
  if (anyRole !== undefined || allRoles.length + scopes.length > 0)
    report.problem([...path, 'require'], {
      found: '"require" on a public route',
      expected: '"accept" in place of "public", since requirements need a credential',
      at: 'key',
    });
  const credentialIndex = route.tenant.require.indexOf('credential');
  if (credentialIndex !== -1)
    report.problem([...path, 'tenant', 'require', credentialIndex], {
      found: '"credential" on a public route',
      expected: 'another source of the tenant',
    });
}

/** What only a login gives out. */
function checkUsers(settings: Settings, report: Report, path: ConfigPath, route: RouteSettings): void {
  const takesSessions =
    route.accept?.some((each) => each === 'session' || each === 'apiKey+session') === true;
  if (route.htmlForms === true && !takesSessions)
    report.problem([...path, 'htmlForms'], {
      found: '"htmlForms" on a route that accepts no session',
      expected: '"session" in accept, or no such key',
      at: 'key',
    });
  if (Object.keys(settings.login).length > 0) return;
  for (const [index, accepted] of (route.accept ?? []).entries())
    if (accepted !== 'apiKey' && accepted !== 'bearer' && accepted !== 'apiKey+bearer')
      report.problem([...path, 'accept', index], {
        found: `"${accepted}" without an entry of login`,
        expected: 'a login, by which users get their sessions',
      });
}

function checkPath(report: Report, path: ConfigPath, route: RouteSettings): void {
  const pattern = compilePathPattern(route.match.path);
  const parameters = pattern.segments.flatMap((part) => (part.kind === 'parameter' ? [part.name] : []));
  if (new Set(parameters).size < parameters.length)
    report.problem([...path, 'match', 'path'], { expected: 'each parameter name once' });
  if (isReserved(pattern))
    report.problem([...path, 'match', 'path'], {
      expected: `a path outside of /${RESERVED.join('/')}, where the gateway publishes its keys`,
    });
  const { require, path: parameter, field } = route.tenant;
  if (parameter !== undefined && !parameters.includes(parameter))
    report.problem([...path, 'tenant', 'path'], {
      found: `${JSON.stringify(parameter)}, which is no parameter of ${route.match.path}`,
      expected: parameters.length === 0 ? `{${parameter}} in match.path` : `one of ${parameters.join(', ')}`,
      choices: parameters,
    });
  for (const [index, source] of require.entries()) {
    const isMissing =
      (source === 'path' && parameter === undefined) || (source === 'field' && field === undefined);
    if (isMissing)
      report.problem([...path, 'tenant', 'require', index], {
        found: `"${source}" without "tenant.${source}"`,
        expected: `"tenant.${source}", which says where it is`,
      });
  }
  const { stripPrefix } = route;
  if (stripPrefix !== undefined && !isLiteralPrefix(stripPrefix, pattern))
    report.problem([...path, 'stripPrefix'], {
      expected: `literal segments that begin ${route.match.path}`,
    });
}

/** A credential would be taken for the name of a tenant, and would show in the audit stream as such. */
function checkTenantField(settings: Settings, report: Report, path: ConfigPath, route: RouteSettings): void {
  const credentialFields = ['Authorization', 'Cookie', settings.apiKeys.header].map(foldFieldName);
  const { field } = route.tenant;
  if (field !== undefined && credentialFields.includes(foldFieldName(field)))
    report.problem([...path, 'tenant', 'field'], { expected: 'a field that carries no credential' });
}

function isLiteralPrefix(prefix: string, pattern: PathPattern): boolean {
  return prefix
    .split('/')
    .slice(1)
    .every((part, index) => {
      const segment = pattern.segments[index];
      return segment?.kind === 'literal' && segment.text === part;
    });
}

const RESERVED = ['.well-known', 'jwks.json'];

/** A pattern that names the reserved path, in part at least. A catch-all does not: the gateway's own path wins there. */
function isReserved(pattern: PathPattern): boolean {
  const [first, second] = pattern.segments;
  if (first?.kind !== 'literal' || first.text !== RESERVED[0]) return false;
  if (second === undefined) return pattern.isOpen;
  const matchesSecond = second.kind === 'parameter' || second.text === RESERVED[1];
  return matchesSecond && pattern.segments.length === 2;
}
