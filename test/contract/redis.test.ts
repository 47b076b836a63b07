import { readFileSync } from 'node:fs';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Secret } from '../../src/base/secret.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { RedisSettings } from '../../src/stores/redis/settings.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis } from '../support/redis.ts';
import { apiKeyStoreContract } from './api-keys.contract.ts';
import { attemptStoreContract } from './attempts.contract.ts';
import { auditStoreContract } from './audit.contract.ts';
import { changeFeedContract } from './change-feed.contract.ts';
import { clientStoreContract } from './clients.contract.ts';
import { keyringStoreContract } from './keyring.contract.ts';
import { lifecycleContract } from './lifecycle.contract.ts';
import { replayStoreContract } from './replays.contract.ts';
import { replicaRegistryContract } from './replicas.contract.ts';
import { revocationStoreContract } from './revocations.contract.ts';
import { sessionStoreContract } from './sessions.contract.ts';
import type { StoreAdapter } from './store-adapter.ts';
import { tenantStoreContract } from './tenants.contract.ts';
import { tokenStoreContract } from './tokens.contract.ts';
import { usageStoreContract } from './usages.contract.ts';

let opened = 0;

/** Each store has a prefix of its own, so that it is empty, and what it left behind can be looked at. */
function adapterOf(name: string, settings: () => Omit<RedisSettings, 'keyPrefix'>): StoreAdapter {
  return {
    name,
    open: () =>
      openRedisStore({
        settings: { ...settings(), keyPrefix: `t${(opened += 1)}:` },
        clock: systemClock,
        log: pino({ level: 'silent' }),
        // The contract throws in listeners on purpose.
        onListenerError: () => undefined,
      }),
    close: (stores) => stores.close(),
  };
}

describe.skipIf(redisMissing)(`Redis ${redisMissing ?? 'in the open'}`, () => {
  let redis: RunningRedis;
  beforeAll(async () => {
    redis = await startRedis(['--maxmemory-policy', 'noeviction']);
  });
  afterAll(() => redis.stop());

  const adapter = adapterOf('Redis', () => redisSettings(redis));
  tenantStoreContract(adapter);
  apiKeyStoreContract(adapter);
  revocationStoreContract(adapter);
  replayStoreContract(adapter);
  replicaRegistryContract(adapter);
  keyringStoreContract(adapter);
  clientStoreContract(adapter);
  attemptStoreContract(adapter);
  usageStoreContract(adapter);
  sessionStoreContract(adapter);
  tokenStoreContract(adapter);
  auditStoreContract(adapter);
  changeFeedContract(adapter);
  lifecycleContract(adapter);

  describe('docs/redis-keys.md', () => {
    const page = path.join(import.meta.dirname, '../../docs/redis-keys.md');

    it('lists every key that was left behind with its type, and nothing else', async () => {
      const documented = readDocumentedKeys(readFileSync(page, 'utf8'));
      const found = new Map<string, { readonly type: string; readonly hasLife: boolean }>();
      for await (const keys of redis.admin.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
        for (const key of keys) {
          const name = key
            .replace(/^t\d+:/, 'PREFIX')
            .replace(/\{t\d+:/, '{PREFIX')
            .replace(/attempts:.*/, 'attempts:DIGEST')
            .replace(/usage:.*/, 'usage:DIGEST')
            .replace(/token:.*/, 'token:DIGEST')
            .replace(/replay:.*/, 'replay:DIGEST')
            .replace(/:replica:.*/, ':replica:ID');
          if (found.has(name)) continue;
          found.set(name, { type: await redis.admin.type(key), hasLife: (await redis.admin.pttl(key)) > 0 });
        }
      }
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(documented));
    });
  });
});

describe.skipIf(redisMissing)(
  `Redis ${redisMissing ?? 'with TLS, a client certificate and an ACL user'}`,
  () => {
    const authority = createCertificateAuthority();
    const server = authority.issue('redis', ['IP:127.0.0.1']);
    const client = authority.issue('gatehouse', ['DNS:gatehouse']);
    let redis: RunningRedis;
    beforeAll(async () => {
      const certificates = [
        '--tls-cert-file',
        server.certPath,
        '--tls-key-file',
        server.keyPath,
        '--tls-ca-cert-file',
        authority.caPath,
      ];
      redis = await startRedis(['--tls-port', 'PORT', '--tls-auth-clients', 'yes', ...certificates]);
      await redis.admin.acl(
        'SETUSER',
        'gatehouse',
        'on',
        '>p%40ss/word',
        '~t*',
        '+@all',
        '-@dangerous',
        '+info',
        '+config|get',
      );
      await redis.admin.acl('SETUSER', 'default', 'nopass', '-@all', '+ping', '+info', '+acl|setuser');
    });
    afterAll(async () => {
      await redis.stop();
      authority.remove();
    });

    const adapter = adapterOf('Redis with TLS', () =>
      redisSettings(
        { url: `rediss://gatehouse:${encodeURIComponent('p%40ss/word')}@127.0.0.1:${redis.port}` },
        { tls: { ca: authority.ca, cert: client.cert, key: new Secret(client.key) } },
      ),
    );
    revocationStoreContract(adapter);
    changeFeedContract(adapter);
  },
);

/** Name → type and whether it has a time to live, of the rows of the table of keys. */
function readDocumentedKeys(page: string): ReadonlyMap<string, { type: string; hasLife: boolean }> {
  const rows = page.split('\n').filter((line) => line.startsWith('| `PREFIX'));
  return new Map(
    rows.map((row) => {
      const [, name = '', type = '', , life = ''] = row.split('|').map((cell) => cell.trim());
      return [name.replaceAll('`', ''), { type, hasLife: life !== 'for ever' }] as const;
    }),
  );
}
