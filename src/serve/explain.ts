import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load.ts';
import { type ExplainedRequest, type Explanation, explain } from '../gateway/explain.ts';
import { createRuntime } from '../gateway/runtime.ts';
import type { Log } from '../telemetry/log.ts';
import { openFoundation } from './foundation.ts';
import { ConfigRefused } from './generations.ts';

/**
 * Explains a request by the configuration alone, over an empty store: what keys and tenants of a store would change is
 * known only to the gateway that holds it. Throws `ConfigRefused`.
 */
export async function explainByFile(file: string, request: ExplainedRequest, log: Log): Promise<Explanation> {
  const loaded = loadConfig(file, { env: process.env });
  if (!loaded.ok) throw new ConfigRefused(loaded.problems);
  const settings = {
    ...loaded.settings,
    store: { embedded: { path: ':memory:' }, maxLag: loaded.settings.store.maxLag },
    encryptionKeys: [],
  };
  const foundation = await openFoundation(settings, log, systemClock);
  try {
    const runtime = await createRuntime(settings, loaded.revision, foundation);
    try {
      return await explain(request, runtime, systemClock());
    } finally {
      runtime.retire();
    }
  } finally {
    await foundation.close();
  }
}
