import type { Clock } from '../../base/clock.ts';
import { type Refusal, refusal } from '../../base/refusal.ts';
import { ok, type Result } from '../../base/result.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Stores } from '../../stores/stores.ts';
import type { BackupKind, BackupRecord, RestoredView } from '../schemas/backup.ts';
import { checkBackup, readBackup } from './read-backup.ts';

type RestorableStores = Pick<
  Stores,
  'tenants' | 'clients' | 'apiKeys' | 'revocations' | 'keyring' | 'replays'
>;

/** What refuses comes before what admits: a restore that fails half-way admits nothing that was revoked or suspended. */
const ORDER: readonly BackupKind[] = ['revocation', 'suspension', 'tenant', 'client', 'apiKey', 'keyring'];
const COUNTS = {
  tenant: 'tenants',
  suspension: 'suspensions',
  client: 'clients',
  apiKey: 'apiKeys',
  revocation: 'revocations',
  keyring: 'keyrings',
} as const satisfies Record<BackupKind, keyof RestoredView>;
const BATCH = 500;
const CLAIM_MILLISECONDS = 600_000;

/**
 * Writes a backup into an empty store. Everything is checked before anything is written, and of two restores at once one
 * is refused; yet it is many steps, so one that fails leaves a store that is no longer empty and has to be emptied for another try.
 * Signing keys of this gateway are replaced by those of the backup. Throws `StoreUnavailable`.
 */
export async function restoreBackup(
  file: string,
  stores: RestorableStores,
  keyring: Pick<Keyring, 'problemWith'>,
  clock: Clock,
): Promise<Result<RestoredView, Refusal>> {
  const checked = await checkBackup(file);
  if (!checked.ok) return refusal('invalid', checked.error);
  for await (const record of readBackup(file, 'keyring')) {
    const { kind: _kind, ...ring } = record;
    const problem = keyring.problemWith(ring);
    if (problem !== undefined) return refusal('conflict', `The signing keys of the backup: ${problem}.`);
  }
  if (!(await isEmpty(stores, clock()))) return notEmpty();
  const now = clock();
  if (!(await stores.replays.claim('restore', 'store', now + CLAIM_MILLISECONDS, now))) {
    return refusal('conflict', 'Another restore began within the last ten minutes.');
  }
  const restored = { tenants: 0, suspensions: 0, clients: 0, apiKeys: 0, revocations: 0, keyrings: 0 };
  for (const kind of ORDER) {
    for await (const batch of batchesOf(file, kind)) {
      const isWritten = await Promise.all(batch.map((record) => write(record, stores, clock)));
      if (!isWritten.every(Boolean)) return changedMeanwhile();
      restored[COUNTS[kind]] += batch.length;
    }
  }
  return ok(restored);
}

/** Signing keys are made at start, so they do not count. */
async function isEmpty(
  { tenants, clients, apiKeys, revocations }: RestorableStores,
  now: number,
): Promise<boolean> {
  const found = await Promise.all([
    tenants.list(),
    tenants.listSuspensions(),
    clients.list(),
    apiKeys.list({ limit: 1 }),
    revocations.list(now),
  ]);
  return found.every(({ length }) => length === 0);
}

async function* batchesOf(file: string, kind: BackupKind): AsyncGenerator<readonly BackupRecord[]> {
  let batch: BackupRecord[] = [];
  for await (const record of readBackup(file, kind)) {
    batch.push(record);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** False: something is in the way that was not there a moment ago. */
async function write(record: BackupRecord, stores: RestorableStores, clock: Clock): Promise<boolean> {
  switch (record.kind) {
    case 'revocation': {
      const { kind: _kind, ...revocation } = record;
      await stores.revocations.add(revocation);
      return true;
    }
    case 'suspension':
      return stores.tenants.setSuspension(record.tenant, true, clock());
    case 'tenant':
      return (await stores.tenants.create(record, record.createdAt)).kind === 'created';
    case 'client': {
      const { kind: _kind, ...client } = record;
      return (await stores.clients.create({ ...client, revision: 1 })) === 'created';
    }
    case 'apiKey': {
      const { kind: _kind, ...apiKey } = record;
      return (await stores.apiKeys.create(apiKey)) === 'created';
    }
    case 'keyring': {
      const { kind: _kind, ...ring } = record;
      const revision = (await stores.keyring.find(ring.purpose))?.revision ?? 0;
      return (await stores.keyring.save(ring, revision)) === 'saved';
    }
  }
}

function notEmpty() {
  return refusal('conflict', 'The store is not empty: a backup is restored into an empty one only.');
}

function changedMeanwhile() {
  return refusal(
    'conflict',
    'The store was changed during the restore, which stopped half-way: empty the store and try again.',
  );
}
