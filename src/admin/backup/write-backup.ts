import { createHash } from 'node:crypto';
import type { ApiKeyId } from '../../api-keys/api-key.ts';
import type { EpochMilliseconds } from '../../base/clock.ts';
import type { Stores } from '../../stores/stores.ts';
import { BACKUP_VERSION } from '../schemas/backup.ts';
import { instantOf } from '../views.ts';

/** Media type of a backup: a JSON value per line. */
export const JSON_LINES = 'application/jsonl';

const PAGE = 500;

type BackedUpStores = Pick<Stores, 'tenants' | 'clients' | 'apiKeys' | 'revocations' | 'keyring'>;

/**
 * The store as JSON lines: a header, a line per record, and an end that counts and digests all before it. Everything but
 * the audit stream and single-use ids, which are of no use elsewhere, and what users were given by logging in: they log in
 * anew. Keys and clients' secrets are there as digests and signing keys sealed.
 *
 * It is no snapshot, since gateways go on working meanwhile; revocations come last, so that whatever was revoked before
 * the end is revoked in it. Throws `StoreUnavailable`.
 */
export async function* writeBackup(
  stores: BackedUpStores,
  gatehouse: string,
  now: EpochMilliseconds,
): AsyncGenerator<string> {
  const digest = createHash('sha256');
  let records = 0;
  const write = (lines: readonly object[]): string => {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    digest.update(text);
    return text;
  };
  yield write([{ kind: 'gatehouse-backup', version: BACKUP_VERSION, createdAt: instantOf(now), gatehouse }]);
  for await (const page of readRecords(stores, now)) {
    records += page.length;
    yield write(page);
  }
  yield `${JSON.stringify({ kind: 'end', records, sha256: digest.digest('hex') })}\n`;
}

async function* readRecords(
  { tenants, clients, apiKeys, revocations, keyring }: BackedUpStores,
  now: EpochMilliseconds,
): AsyncGenerator<readonly object[]> {
  yield (await keyring.list()).map((ring) => ({ kind: 'keyring', ...ring }));
  yield (await tenants.list()).map((tenant) => ({ kind: 'tenant', ...tenant }));
  yield (await tenants.listSuspensions()).map((tenant) => ({ kind: 'suspension', tenant }));
  yield (await clients.list()).map((client) => ({ kind: 'client', ...client }));
  let after: ApiKeyId | undefined;
  do {
    const page = await apiKeys.list({ ...(after !== undefined && { after }), limit: PAGE });
    yield page.map((key) => ({ kind: 'apiKey', ...key }));
    after = page.at(-1)?.id;
  } while (after !== undefined);
  const entries = await revocations.list(now);
  for (let at = 0; at < entries.length; at += PAGE)
    yield entries.slice(at, at + PAGE).map((entry) => ({ kind: 'revocation', ...entry }));
}
