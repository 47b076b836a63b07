/** Runs the legacy API on its own: `node demo/legacy-api/main.ts --port 3000 [--host 127.0.0.1]`. */
import { parseArgs } from 'node:util';
import { startLegacyApi } from './server.ts';
import { TENANTS } from './tenants.ts';

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  return port !== undefined && port <= 65_535 ? port : undefined;
}

async function serve(port: number, host: string): Promise<void> {
  const api = await startLegacyApi({ port, host });
  console.log(`Legacy API on ${api.url}`);
  for (const tenant of TENANTS) console.log(`  curl -H 'X-Api-Key: ${tenant.key}' ${api.url}/api/orders`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void api.close());
}

const { values } = parseArgs({
  options: { port: { type: 'string', default: '3000' }, host: { type: 'string', default: '127.0.0.1' } },
});
const port = parsePort(values.port);
if (port === undefined) {
  console.error(`--port ${values.port}: expected a number from 0 to 65535`);
  process.exitCode = 2;
} else {
  await serve(port, values.host);
}
