import { normaliseHost } from '../../http/host.ts';
import { parentHostOf } from '../../routing/route.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import { type Entry, refuseDuplicates } from './entries.ts';

const TENANT_LABEL = '{tenant}.';

/** Host names of tenants, patterns and routes: their grammar, and that each selects one tenant only. */
export function checkHosts(settings: Settings, report: Report): void {
  const tenantHosts = exactHosts(settings, report);
  refuseDuplicates(report, tenantHosts, 'a host');
  const patterns: Entry[] = [];
  for (const [index, pattern] of settings.tenantHosts.entries()) {
    const path = ['tenantHosts', index];
    if (!isTenantPattern(pattern))
      report.problem(path, { expected: 'a host such as {tenant}.api.example.com, without a port' });
    else patterns.push({ path, text: parentHostOf(pattern) });
  }
  refuseDuplicates(report, patterns, 'a pattern');
  for (const [index, route] of settings.routes.entries()) {
    const host = route.match.host;
    if (host !== undefined && normaliseHost(host) === undefined && !isTenantPattern(host))
      report.problem(['routes', index, 'match', 'host'], {
        expected: 'a host without a port, or a pattern such as {tenant}.api.example.com',
      });
    else if (host?.startsWith(TENANT_LABEL) === true) patterns.push({ path: [], text: parentHostOf(host) });
  }
  refuseHostsOfOthers(settings, report, tenantHosts, new Set(patterns.map((pattern) => pattern.text)));
}

function exactHosts(settings: Settings, report: Report): readonly Entry[] {
  return Object.entries(settings.tenants).flatMap(([id, tenant]) =>
    tenant.hosts.flatMap((host, index): Entry[] => {
      const path: ConfigPath = ['tenants', id, 'hosts', index];
      const text = normaliseHost(host);
      if (text !== undefined) return [{ path, text }];
      report.problem(path, { expected: 'a host name such as acme.api.example.com, without a port' });
      return [];
    }),
  );
}

/** `{tenant}` is exactly the first label; at least one more label follows. */
function isTenantPattern(pattern: string): boolean {
  return pattern.startsWith(TENANT_LABEL) && normaliseHost(pattern.slice(TENANT_LABEL.length)) !== undefined;
}

/** A pattern gives `globex.api.example.com` to globex: no other tenant may list it. */
function refuseHostsOfOthers(
  settings: Settings,
  report: Report,
  hosts: readonly Entry[],
  parents: ReadonlySet<string>,
): void {
  for (const { path, text } of hosts) {
    const dot = text.indexOf('.');
    const label = text.slice(0, dot);
    if (dot === -1 || !parents.has(text.slice(dot + 1)) || label === path[1]) continue;
    if (Object.hasOwn(settings.tenants, label))
      report.problem(path, { expected: `a host that the pattern does not give to the tenant ${label}` });
  }
}
