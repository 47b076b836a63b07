import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import { LEGACY_KEYS } from '../support/users-scene.ts';
import { startDemoGateway } from './demo-gateway.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../demo/old-client/main.ts');

async function workADay(
  base: string,
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly errors: string }> {
  const child = spawn(process.execPath, [PROGRAM, base], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, output, errors };
}

test('an old client hears through the gateway, byte for byte, what the legacy API says to it', async () => {
  const directApi = await startLegacyApi({ port: 0 });
  onTestFinished(directApi.close);
  const scene = await startDemoGateway();
  onTestFinished(() => scene.stop());
  await scene.gateway.admin('POST', '/v1/keys/import', {
    key: LEGACY_KEYS.acme,
    tenant: 'acme',
    name: 'old client',
    scopes: ['orders:read', 'orders:write'],
  });

  const direct = await workADay(directApi.url);
  expect(direct).toMatchObject({ exitCode: 0, errors: '' });
  expect(direct.output).toContain('Anna Ackermann');
  expect(await workADay(`http://127.0.0.1:${scene.gateway.port}`)).toEqual(direct);

  const arrived = scene.legacy.received().filter(({ target }) => target === '/api/orders');
  const names = arrived.flatMap(({ fields }) => fields.filter(([name]) => name === 'X-User-Name'));
  expect(names.map(([, value]) => value)).toEqual(Array(3).fill('Anna Ackermann'));
});
