import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import {
  aKeyring,
  anApiKey,
  anAuditRecord,
  apiKeyId,
  aTenant,
  aTenantRevocation,
  MINUTE,
  NOW,
  tenantId,
} from '../contract/fixtures.ts';

const WRITER = path.join(import.meta.dirname, 'durability-writer.ts');
const ROUNDS = 5;

let folder: string;
let file: string;
let writer: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-durability-'));
  file = path.join(folder, 'gatehouse.db');
});

afterEach(() => {
  writer?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function open(): Stores {
  return openEmbeddedStore({ path: file, clock: systemClock });
}

/** Ids by kind that the writer printed before it was killed in the middle of its work. */
async function writeUntilKilled(
  round: number,
  acknowledgements: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const child = spawn(process.execPath, [WRITER, file, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  writer = child;
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (!child.killed && output.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  expect(signal).toBe('SIGKILL');
  // A last line without its end was cut by the kill.
  const byKind = new Map<string, string[]>();
  for (const line of output.split('\n').slice(0, -1)) {
    const [kind = '', id = ''] = line.split(' ');
    byKind.set(kind, [...(byKind.get(kind) ?? []), id]);
  }
  return byKind;
}

async function expectAcknowledged(
  stores: Stores,
  acknowledged: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const idsOf = (kind: string): readonly string[] => {
    const ids = acknowledged.get(kind) ?? [];
    expect(ids.length, kind).toBeGreaterThan(0);
    return ids;
  };
  for (const id of idsOf('key')) expect(await stores.apiKeys.findById(apiKeyId(id)), id).toBeDefined();
  const revoked = new Set((await stores.revocations.list(NOW)).map((entry) => JSON.stringify(entry.target)));
  for (const id of idsOf('revocation'))
    expect(revoked).toContain(JSON.stringify(aTenantRevocation(id).target));
  for (const id of idsOf('rotation'))
    expect((await stores.apiKeys.findById(apiKeyId(id)))?.replacedBy).toBe(`${id}-next`);
  for (const id of idsOf('audit'))
    expect(await stores.audit.read({ decisionId: id, limit: 9 })).toHaveLength(2);
  for (const id of idsOf('claim'))
    expect(await stores.replays.claim('nonce', id, NOW + MINUTE, NOW)).toBe(false);
}

/** No half of an atomic step: a key that names a successor has it, and audit batches are whole. */
async function expectWholeSteps(stores: Stores): Promise<void> {
  const keys = await stores.apiKeys.list({ limit: 1_000_000 });
  const ids = new Set<string>(keys.map((key) => key.id));
  const successors = keys.flatMap((key) => key.replacedBy ?? []);
  for (const successor of successors) expect(ids).toContain(successor);
  expect(keys.filter((key) => key.id.endsWith('-next'))).toHaveLength(successors.length);
  const audited = Map.groupBy(await stores.audit.read({ limit: 1_000_000 }), (record) => record.decisionId);
  for (const records of audited.values()) expect(records).toHaveLength(2);
}

function checkIntegrity(): unknown {
  const connection = new DatabaseSync(file, { readOnly: true });
  try {
    return connection.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
  } finally {
    connection.close();
  }
}

describe('durability', () => {
  it('whatever was acknowledged before kill -9 is there afterwards, and nothing is half done', {
    timeout: 60_000,
  }, async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const acknowledged = await writeUntilKilled(round, 200 * round);
      const stores = open();
      await expectAcknowledged(stores, acknowledged);
      await expectWholeSteps(stores);
      await stores.close();
      expect(checkIntegrity()).toBe('ok');
    }
  });

  it('everything is there after closing and opening again', async () => {
    const before = open();
    await before.tenants.create(aTenant('acme', { hosts: ['acme.example.com'], issuers: ['idp'] }), NOW);
    await before.apiKeys.create(anApiKey('key'));
    await before.apiKeys.recordUses(new Map([[apiKeyId('key'), NOW + 1]]));
    await before.revocations.add(aTenantRevocation('globex'));
    await before.keyring.save(aKeyring('assertion:ES256'), 0);
    await before.replays.claim('nonce', 'n1', NOW + MINUTE, NOW);
    await before.audit.append([anAuditRecord('d1')]);
    await before.close();

    const after = open();
    expect(await after.tenants.find(tenantId('acme'))).toMatchObject({
      hosts: ['acme.example.com'],
      revision: 1,
    });
    expect(await after.apiKeys.findById(apiKeyId('key'))).toEqual({
      ...anApiKey('key'),
      lastUsedAt: NOW + 1,
    });
    expect(await after.revocations.list(NOW)).toEqual([aTenantRevocation('globex')]);
    expect(await after.keyring.list()).toEqual([aKeyring('assertion:ES256')]);
    expect(await after.replays.claim('nonce', 'n1', NOW + MINUTE, NOW)).toBe(false);
    expect(await after.audit.read({ limit: 9 })).toEqual([{ ...anAuditRecord('d1'), sequence: 1 }]);
    await after.close();
  });
});
