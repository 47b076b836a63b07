/** The OpenAPI document of the administration API, as a gateway answers it: the routes themselves are asked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { loadConfig } from '../src/config/load.ts';
import { createAdministration } from '../src/serve/administration.ts';
import { openFoundation } from '../src/serve/foundation.ts';
import { startGenerations } from '../src/serve/generations.ts';
import { createLog } from '../src/telemetry/log.ts';

const CONFIGURATION = `publicUrl: https://gateway.example.com
store: { embedded: { path: ":memory:" } }
upstreams: { api: { targets: ["http://127.0.0.1:9"] } }
routes: [{ id: all, match: { path: /** }, public: true, upstream: api }]
`;

function unasked(): Promise<never> {
  return Promise.reject(new Error('nobody asks while the document is made'));
}

export async function openapiDocument(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-openapi-'));
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(file, CONFIGURATION);
  try {
    const loaded = loadConfig(file, { env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const { log } = createLog({ level: 'silent' });
    const foundation = await openFoundation(loaded.settings, log, systemClock);
    const generations = await startGenerations({
      file,
      env: {},
      foundation,
      first: loaded,
      onFiles: () => {},
      onSwap: async () => {},
    });
    const { app } = await createAdministration(
      foundation,
      generations,
      { status: unasked, reload: unasked, observations: unasked },
      loaded.settings,
    );
    await app.ready();
    const text = `${JSON.stringify(app.swagger(), undefined, 2)}\n`;
    await app.close();
    generations.close();
    await foundation.close();
    return text;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
