import { normaliseHost, parseAuthority } from '../../http/host.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings, UpstreamSettings } from '../schema/config.ts';
import { pathPrefix } from '../schema/upstreams.ts';
import { checkAddress } from './addresses.ts';
import { refuseDuplicates, requireKnown } from './entries.ts';

/** Targets, TLS and timeouts of upstreams, and the targets that tenants have of their own. */
export function checkUpstreams(settings: Settings, report: Report): void {
  const used = new Set(settings.routes.map((route) => route.upstream));
  for (const [name, upstream] of Object.entries(settings.upstreams)) {
    const path = ['upstreams', name];
    checkTargets(report, [...path, 'targets'], upstream.targets, upstream);
    checkTls(report, path, upstream);
    checkTimeouts(report, path, upstream);
    if (typeof upstream.host === 'object' && parseAuthority(upstream.host.fixed) === undefined)
      report.problem([...path, 'host', 'fixed'], { expected: 'a host, with a port if need be' });
    const hasLogin = Object.values(settings.login).some((login) => login.upstream === name);
    if (upstream.credentials.cookies !== undefined && !hasLogin)
      report.problem([...path, 'credentials', 'cookies'], {
        found: '"fromLogin" on an upstream without a login',
        expected: `an entry of login whose upstream is ${name}`,
      });
    if (!used.has(name)) report.warning(path, 'no route forwards to this upstream');
  }
  for (const [id, tenant] of Object.entries(settings.tenants))
    for (const [name, targets] of Object.entries(tenant.upstreams)) {
      const path = ['tenants', id, 'upstreams', name];
      const upstream = settings.upstreams[name];
      requireKnown(report, path, name, settings.upstreams, 'upstream');
      if (upstream !== undefined) checkTargets(report, path, targets, upstream);
    }
}

function checkTargets(
  report: Report,
  path: ConfigPath,
  targets: readonly string[],
  upstream: UpstreamSettings,
): void {
  for (const [index, target] of targets.entries()) {
    const place = [...path, index];
    const url = new URL(target);
    checkAddress(report, place, target);
    // The URL parser removes dot segments: what is left must be what was written.
    const written = /^[a-z]+:\/\/[^/]+(\/.*)?$/i.exec(target)?.[1] ?? '/';
    const hasPath = written !== '/';
    if (hasPath && upstream.basePath !== undefined)
      report.problem(place, { expected: 'a target without a path, since the upstream has a basePath' });
    else if (hasPath && !pathPrefix.safeParse(written).success)
      report.problem(place, { expected: 'a path without a trailing slash, dot segments or escapes' });
    if (url.port === '0') report.problem(place, { expected: 'a port from 1 to 65535' });
  }
  refuseDuplicates(
    report,
    targets.map((target, index) => ({ path: [...path, index], text: new URL(target).href })),
    'a target',
  );
}

function checkTls(report: Report, path: ConfigPath, upstream: UpstreamSettings): void {
  const { ca, cert, key, serverName } = upstream.tls;
  const place = [...path, 'tls'];
  if (cert !== undefined && key === undefined)
    report.problem([...place, 'cert'], { found: '"cert" without "key"', expected: 'both' });
  if (key !== undefined && cert === undefined)
    report.problem([...place, 'key'], { found: '"key" without "cert"', expected: 'both' });
  if (serverName !== undefined && normaliseHost(serverName) === undefined)
    report.problem([...place, 'serverName'], { expected: 'a host name' });
  const isUsed = upstream.targets.some((target) => new URL(target).protocol === 'https:');
  if (!isUsed && [ca, cert, key, serverName].some((setting) => setting !== undefined))
    report.warning(place, 'no target of this upstream is https://');
}

function checkTimeouts(report: Report, path: ConfigPath, upstream: UpstreamSettings): void {
  const places = [
    { path: [...path, 'timeouts', 'connect'], value: upstream.timeouts.connect },
    { path: [...path, 'timeouts', 'headers'], value: upstream.timeouts.headers },
    { path: [...path, 'health', 'every'], value: upstream.health.every },
    { path: [...path, 'health', 'timeout'], value: upstream.health.timeout },
    { path: [...path, 'health', 'eject'], value: upstream.health.eject },
  ];
  for (const place of places) if (place.value === 0) report.problem(place.path, { expected: 'more than 0' });
}
