import type { Secret } from '../../base/secret.ts';
import { readEncryptionKeys } from '../../keys/encryption-key.ts';
import type { ConfigPath } from '../problem.ts';
import { isOnlyReferences } from '../references.ts';
import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';
import { type Entry, refuseDuplicates } from './entries.ts';

const MINIMUM_HMAC_BYTES = 32;
const MINIMUM_TOKEN_CHARACTERS = 24;

/** Shape and strength of every secret. None of the messages holds one. */
export function checkSecrets(settings: Settings, report: Report): void {
  checkEncryptionKeys(settings, report);
  checkAdminTokens(settings, report);
  checkSharedStore(settings, report);
  const { pepper } = settings.apiKeys;
  if (pepper !== undefined) requireHmacStrength(report, ['apiKeys', 'pepper'], pepper);
  for (const path of secretPlaces(settings)) warnOfLiteral(report, path);
}

function checkEncryptionKeys(settings: Settings, report: Report): void {
  const keys = readEncryptionKeys(settings.encryptionKeys);
  if (keys.ok) return;
  for (const { path, expected, found } of keys.error) report.problem(path, { found, expected });
}

/** What one process can make for itself, replicas have to share. */
function checkSharedStore({ store, encryptionKeys, admin }: Settings, report: Report): void {
  const isForgetful = store.embedded?.path === ':memory:';
  if (admin.tokens.length === 0 && (store.redis !== undefined || isForgetful))
    report.warning(
      ['store'],
      'without "admin.tokens" nobody can administer this gateway: only an embedded file keeps a first token',
    );
  if (store.redis !== undefined && encryptionKeys.length === 0)
    report.problem(['store', 'redis'], {
      found: 'a store that replicas share, without "encryptionKeys"',
      expected: '"encryptionKeys", the same in all of them',
      at: 'key',
    });
}

function checkAdminTokens(settings: Settings, report: Report): void {
  const { tokens } = settings.admin;
  const names = tokens.map(
    (entry, index): Entry => ({ path: ['admin', 'tokens', index, 'name'], text: entry.name }),
  );
  refuseDuplicates(report, names, 'a name');
  const values = tokens.map(
    (entry, index): Entry => ({
      path: ['admin', 'tokens', index, 'token'],
      text: entry.token.reveal(),
    }),
  );
  refuseDuplicates(report, values, 'a token');
  for (const { path, text } of values)
    if (!/^[\x21-\x7E]*$/.test(text) || text.length < MINIMUM_TOKEN_CHARACTERS)
      report.problem(path, {
        expected: `at least ${MINIMUM_TOKEN_CHARACTERS} printable ASCII characters without spaces`,
      });
}

function requireHmacStrength(report: Report, path: ConfigPath, secret: Secret): void {
  if (Buffer.byteLength(secret.reveal(), 'utf8') < MINIMUM_HMAC_BYTES)
    report.problem(path, { expected: `a secret of at least ${MINIMUM_HMAC_BYTES} bytes` });
}

function secretPlaces(settings: Settings): readonly ConfigPath[] {
  const places: ConfigPath[] = [['apiKeys', 'pepper']];
  for (const index of settings.encryptionKeys.keys()) places.push(['encryptionKeys', index, 'key']);
  for (const index of settings.admin.tokens.keys()) places.push(['admin', 'tokens', index, 'token']);
  for (const [id, tenant] of Object.entries(settings.tenants))
    for (const name of Object.keys(tenant.credentials)) places.push(['tenants', id, 'credentials', name]);
  for (const name of Object.keys(settings.issuers))
    places.push(['issuers', name, 'introspection', 'clientSecret']);
  for (const [name, { identity }] of Object.entries(settings.upstreams)) {
    places.push(['upstreams', name, 'credentials', 'basic', 'password']);
    for (const index of (identity.signature?.keys ?? []).keys())
      places.push(['upstreams', name, 'identity', 'signature', 'keys', index, 'secret']);
  }
  return places;
}

function warnOfLiteral(report: Report, path: ConfigPath): void {
  const written = report.written(path);
  if (typeof written === 'string' && !isOnlyReferences(written))
    report.warning(path, 'a secret written into the file: use ${env:NAME} or ${file:PATH}');
}
