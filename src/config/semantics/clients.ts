import { problemsOfClient } from '../../clients/client-rules.ts';
import { configuredClients } from '../../clients/open-client-directory.ts';
import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';
import type { ClientSettings, Settings } from '../schema/config.ts';
import { type Entry, refuseDuplicates, requireKnown } from './entries.ts';

/** Clients can be told apart, prove who they are where they must, and name what exists. */
export function checkClients(settings: Settings, report: Report): void {
  const clients: readonly (readonly [string, ClientSettings])[] = Object.entries(settings.clients);
  const digests: Entry[] = clients.flatMap(([id, { secretDigest: text }]) =>
    text === undefined ? [] : [{ path: ['clients', id, 'secretDigest'], text }],
  );
  refuseDuplicates(report, digests, 'a digest');
  for (const client of configuredClients(settings))
    for (const { path, found, expected } of problemsOfClient(client))
      report.problem(['clients', client.id, ...path], { found, expected });
  for (const [id, client] of clients) {
    const path = ['clients', id];
    checkSecret(report, path, client);
    checkNames(settings, report, path, client);
    checkTokens(settings, report, path, client);
    warnOfRights(report, path, client);
  }
}

function checkSecret(report: Report, path: ConfigPath, client: ClientSettings): void {
  const isPublic = client.public === true;
  if (!isPublic && client.secretDigest === undefined)
    report.problem(path, {
      found: 'neither "secretDigest" nor "public"',
      expected: 'one of them',
      at: 'key',
    });
  if (isPublic && client.secretDigest !== undefined)
    report.problem([...path, 'secretDigest'], {
      found: '"secretDigest" of a public client',
      expected: 'no such key, since everybody who has the client has its secret',
      at: 'key',
    });
}

function checkNames(settings: Settings, report: Report, path: ConfigPath, client: ClientSettings): void {
  if (client.login !== undefined)
    requireKnown(report, [...path, 'login'], client.login, settings.login, 'login');
  for (const [index, id] of (client.tenants === 'any' ? [] : client.tenants).entries())
    requireKnown(report, [...path, 'tenants', index], id, settings.tenants, 'tenant');
}

/** Who verifies a JWT compares its `iss` (RFC 9068 §4), which is never taken from a request. */
function checkTokens(settings: Settings, report: Report, path: ConfigPath, client: ClientSettings): void {
  const isJwt = (client.accessTokens ?? settings.tokens.format) === 'jwt';
  if (!isJwt || client.grants.length === 0 || settings.publicUrl !== undefined) return;
  report.problem(client.accessTokens === undefined ? ['tokens', 'format'] : [...path, 'accessTokens'], {
    found: '"jwt" without "publicUrl"',
    expected: '"publicUrl", which is the iss of JWT access tokens',
  });
}

function warnOfRights(report: Report, path: ConfigPath, client: ClientSettings): void {
  const { grants, tenants, browserSession, login } = client;
  if (grants.length === 0 && !browserSession)
    report.warning(path, 'the client has neither "grants" nor "browserSession", so it can do nothing');
  if (grants.includes('client_credentials') && tenants === 'any')
    report.warning(
      [...path, 'tenants'],
      'with "client_credentials" the client acts for every tenant that it names: its secret opens all of them',
    );
  if (grants.includes('refresh_token') && !grants.includes('password'))
    report.warning(
      [...path, 'grants'],
      'no grant of the client gives it a refresh token: "client_credentials" does not (RFC 6749 §4.4.3)',
    );
  if (login !== undefined && !browserSession && !grants.includes('password'))
    report.warning([...path, 'login'], 'neither "password" nor "browserSession" lets users log in by it');
}
