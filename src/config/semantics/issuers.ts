import { OWN_ISSUER } from '../../sessions/session-principal.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { IssuerSettings, Settings } from '../schema/config.ts';
import { checkAddress } from './addresses.ts';
import { type Entry, refuseDuplicates, requireKnown } from './entries.ts';

const MAXIMUM_TOLERANCE = 300_000;
const MAXIMUM_CACHE = 30_000;

/** Issuers can be verified, are told apart, and speak only for tenants that list them. */
export function checkIssuers(settings: Settings, report: Report): void {
  const issuers = Object.entries(settings.issuers);
  for (const [name, issuer] of issuers) checkIssuer(settings, report, name, issuer);
  const identifiers = issuers.map(([name, issuer]) => ({
    path: ['issuers', name, 'issuer'],
    text: issuer.issuer,
  }));
  refuseDuplicates(report, identifiers, 'an issuer');
  checkPrefixes(report, issuers);
  for (const [id, tenant] of Object.entries(settings.tenants))
    for (const [index, name] of tenant.issuers.entries())
      requireKnown(report, ['tenants', id, 'issuers', index], name, settings.issuers, 'issuer');
}

function checkIssuer(settings: Settings, report: Report, name: string, issuer: IssuerSettings): void {
  const path = ['issuers', name];
  if (name === OWN_ISSUER)
    report.problem(path, {
      found: `the name ${JSON.stringify(name)}, which stands for the gateway itself`,
      expected: 'a name of its own',
      at: 'key',
    });
  if (issuer.keys === undefined && issuer.introspection === undefined)
    report.problem(path, { found: 'neither "keys" nor "introspection"', expected: 'at least one of them' });
  const jwtIndex = issuer.types.findIndex((type) => /^(?:application\/)?jwt$/i.test(type));
  const distinguishes = Object.keys(issuer.distinguishing ?? {}).length > 0;
  if (jwtIndex !== -1 && !distinguishes)
    report.problem([...path, 'types', jwtIndex], {
      found: `${JSON.stringify(issuer.types[jwtIndex])} without "distinguishing"`,
      expected: 'a claim in "distinguishing" that only access tokens of this issuer have',
    });
  if (issuer.clockTolerance > MAXIMUM_TOLERANCE)
    report.problem([...path, 'clockTolerance'], { expected: 'at most 5m' });
  if (issuer.introspection !== undefined && issuer.introspection.cache > MAXIMUM_CACHE)
    report.problem([...path, 'introspection', 'cache'], { expected: 'at most 30s' });
  checkTenant(settings, report, name, issuer);
  for (const [place, url] of endpointsOf(path, issuer)) checkAddress(report, place, url);
}

function checkTenant(settings: Settings, report: Report, name: string, issuer: IssuerSettings): void {
  if ('claim' in issuer.tenant) {
    const isListed = Object.values(settings.tenants).some((tenant) => tenant.issuers.includes(name));
    if (!isListed)
      report.warning(['issuers', name], 'no tenant of this file lists the issuer in its "issuers"');
    return;
  }
  const id = issuer.tenant.fixed;
  const path = ['issuers', name, 'tenant', 'fixed'];
  requireKnown(report, path, id, settings.tenants, 'tenant');
  const tenant = settings.tenants[id];
  if (tenant !== undefined && !tenant.issuers.includes(name))
    report.problem(path, {
      found: `the tenant ${id}, which does not list this issuer`,
      expected: `${name} in tenants.${id}.issuers`,
    });
}

function endpointsOf(path: ConfigPath, issuer: IssuerSettings): readonly (readonly [ConfigPath, string])[] {
  const endpoints: (readonly [ConfigPath, string])[] = [];
  if (issuer.keys === 'discover') endpoints.push([[...path, 'issuer'], issuer.issuer]);
  else if (issuer.keys !== undefined && 'jwksUri' in issuer.keys)
    endpoints.push([[...path, 'keys', 'jwksUri'], issuer.keys.jwksUri]);
  if (issuer.introspection !== undefined)
    endpoints.push([[...path, 'introspection', 'endpoint'], issuer.introspection.endpoint]);
  return endpoints;
}

/** With several that introspect, the prefix decides who sees a token: none may begin another. */
function checkPrefixes(report: Report, issuers: readonly (readonly [string, IssuerSettings])[]): void {
  const introspecting = issuers.filter(([, issuer]) => issuer.introspection !== undefined);
  if (introspecting.length < 2) return;
  const prefixes: Entry[] = [];
  for (const [name, issuer] of introspecting) {
    const path = ['issuers', name, 'introspection', 'prefix'];
    const prefix = issuer.introspection?.prefix;
    if (prefix === undefined)
      report.problem(path, { expected: 'a prefix, since several issuers introspect' });
    else prefixes.push({ path, text: prefix });
  }
  for (const [index, { path, text }] of prefixes.entries()) {
    const clash = prefixes
      .slice(0, index)
      .find((other) => other.text.startsWith(text) || text.startsWith(other.text));
    if (clash !== undefined)
      report.problem(path, { expected: `a prefix that cannot be taken for ${JSON.stringify(clash.text)}` });
  }
}
