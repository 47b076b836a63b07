import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { ADMIN_TOKEN, type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';
import { wire } from '../support/wire.ts';

const deploy = path.resolve(import.meta.dirname, '../../deploy');

/** Options of redis-server in compose.yaml, without the password, which is set when it runs. */
function redisOptions(): readonly string[] {
  const { services } = parse(readFileSync(path.join(deploy, 'compose.yaml'), 'utf8')) as {
    readonly services: { readonly redis: { readonly command: readonly string[] } };
  };
  const command = services.redis.command.at(-1) ?? '';
  const [, options = ''] = /^exec redis-server (.*) --requirepass /.exec(command) ?? [];
  return options.split(' ');
}

describe.skipIf(redisMissing !== undefined)(
  `what compose.yaml runs, without containers ${redisMissing ?? ''}`,
  () => {
    let folder: string;
    let redis: RunningRedis;
    let legacy: LegacyApi;
    let gateway: TestGateway;

    beforeAll(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-compose-'));
      writeFileSync(path.join(folder, 'admin-token'), ADMIN_TOKEN);
      expect(spawnSync(path.join(deploy, 'compose/make-secrets.sh'), [folder]).status).toBe(0);
      redis = await startRedis(redisOptions());
      const password = readFileSync(path.join(folder, 'redis-password'), 'utf8').trim();
      await redis.admin.config('SET', 'requirepass', password);
      legacy = await startLegacyApi({ port: 0 });
      const text = readFileSync(path.join(deploy, 'compose/configuration/gatehouse.yaml'), 'utf8')
        .replaceAll('/run/secrets/', `${folder}/`)
        .replace('redis://redis:6379', redis.url)
        .replace('http://orders:3000', legacy.url);
      gateway = await startTestGateway(parse(text) as ConfigObject);
    });
    afterAll(async () => {
      await gateway.stop();
      await legacy.close();
      await redis.stop();
      rmSync(folder, { recursive: true });
    });

    test('a key of a tenant reaches its orders, by the key that the legacy API knows', async () => {
      const { key } = await gateway.issueKey('acme');
      const answer = await gateway.raw(
        wire('GET /api/orders', [`X-API-Key: ${key}`], { host: 'acme.localhost' }),
      );
      expect(answer.startLine).toBe('HTTP/1.1 200 OK');
      const fields = legacy
        .received()
        .at(-1)
        ?.fields.map(([name, value]) => [name.toLowerCase(), value]);
      expect(fields).toContainEqual(['x-api-key', 'acme-legacy-4711']);
      expect(fields).toContainEqual(['x-tenant-id', 'acme']);
    });

    test('this Redis loses nothing that was acknowledged', () => {
      expect(gateway.log()).toContain('Full: appendfsync always');
    });

    test('the key of one tenant does not open the host of another', async () => {
      const { key } = await gateway.issueKey('globex');
      const answer = await gateway.raw(
        wire('GET /api/orders', [`X-API-Key: ${key}`], { host: 'acme.localhost' }),
      );
      expect(answer.startLine).toBe('HTTP/1.1 403 Forbidden');
    });
  },
);
