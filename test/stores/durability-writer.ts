/**
 * Run as a process of its own by durability.test.ts: writes without end, and prints each id as soon as the store
 * acknowledged it. A key and its tenant revocation have the same number.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { anApiKey, anAuditRecord, apiKeyId, aTenantRevocation, MINUTE, NOW } from '../contract/fixtures.ts';

const CONCURRENT = 8;
const [file = '', round = ''] = process.argv.slice(2);
const stores = openEmbeddedStore({ path: file, clock: systemClock });

/** Written with the system call itself: what the reader sees was acknowledged, and nothing waits in a buffer. */
function acknowledge(what: string, id: string): void {
  writeSync(1, `${what} ${id}\n`);
}

async function writeAll(lane: number): Promise<never> {
  for (let index = 0; ; index += 1) {
    const id = `r${round}-${lane}-${index}`;
    await stores.apiKeys.create(anApiKey(id));
    acknowledge('key', id);
    await stores.revocations.add(aTenantRevocation(id));
    acknowledge('revocation', id);
    await stores.apiKeys.rotate(apiKeyId(id), anApiKey(`${id}-next`), NOW + MINUTE);
    acknowledge('rotation', id);
    await stores.audit.append([anAuditRecord(id), anAuditRecord(id)]);
    acknowledge('audit', id);
    await stores.replays.claim('nonce', id, NOW + 60 * MINUTE, NOW);
    acknowledge('claim', id);
  }
}

await Promise.all(Array.from({ length: CONCURRENT }, (_, lane) => writeAll(lane)));
