import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { generateApiKey } from '../../src/api-keys/api-key-format.ts';
import { aTenant } from '../contract/fixtures.ts';
import { ADMIN_TOKEN, PEPPER, startAdmin, textOf } from './running-admin.ts';

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** A signed JWT, as a careless administrator may paste it anywhere. */
function aToken(): string {
  const input = `${encode({ alg: 'ES256', typ: 'at+jwt' })}.${encode({ iss: 'https://login.acme.example', jti: 'j1' })}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

/**
 * L01: an insider with access to the logs (or to the audit stream, or to metrics) must not find a credential there,
 * whatever an administrator did, also at trace level, on error paths, and with secrets in the wrong place.
 */
test('L01: log, audit stream and metrics of administration at trace level hold no credential', async () => {
  const admin = await startAdmin({
    configuredTenants: [aTenant('acme')],
    reload: (() => {
      const reasons = [
        new Error(`Authorization: Bearer ${ADMIN_TOKEN}`, { cause: new Error(generateApiKey().key) }),
      ];
      return () => Promise.reject(reasons[0]);
    })(),
  });
  try {
    const { call, stores, travel } = admin;
    const legacy = 'Legacy.Key/of+an=old%client';
    const token = aToken();
    const wrongToken = 'a-mistyped-admin-token-0123456789';
    const created = await call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'ERP' } });
    const key = textOf(created.json, 'key');
    const rotated = await call('POST', `/v1/keys/${textOf(created.json, 'id')}/rotate`, {
      body: { overlap: '1h' },
    });
    const successor = textOf(rotated.json, 'key');
    const secrets = [ADMIN_TOKEN, PEPPER, legacy, token, wrongToken, key, successor];

    await call('POST', '/v1/keys/import', { body: { tenant: 'acme', name: 'old', key: legacy } });
    await call('POST', '/v1/keys/import', { body: { tenant: 'acme', name: 'old', key: legacy } });
    await call('POST', '/v1/keys/import', {
      body: { tenant: 'nobody', name: 'old', key: legacy, more: legacy },
    });
    await call('POST', '/v1/keys/import', { body: `{"key":"${legacy}", oops` });
    await call('GET', '/v1/keys', { token: wrongToken });
    await call('GET', '/v1/keys', { token: key });
    for (const secret of secrets) {
      await call('GET', `/v1/keys?tenant=${encodeURIComponent(secret)}`);
      await call('GET', `/nowhere?token=${encodeURIComponent(secret)}`);
    }
    // Where the id belongs: only what looks like a credential can be known as one.
    for (const secret of [key, token, ADMIN_TOKEN]) await call('GET', `/v1/keys/${secret}`);
    const explained = {
      method: 'GET',
      url: `http://x/?k=${legacy}`,
      fields: secrets.map((secret) => ['X-Api-Key', secret]),
    };
    expect(await call('POST', '/v1/explain', { body: explained })).toMatchObject({ status: 200 });
    await call('POST', '/v1/explain', { body: { ...explained, peer: legacy, method: token } });
    await call('POST', '/v1/reload');
    travel(61_000);
    await stores.close();
    await call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'ERP' } });

    const written = [admin.logged(), await admin.metrics()].join('\n');
    expect(written).toContain('administration request');
    expect(written).toContain('[redacted]');
    for (const secret of secrets) {
      expect(written).not.toContain(secret);
      expect(written).not.toContain(encodeURIComponent(secret));
    }
  } finally {
    await admin.close();
  }
});

test('L01: the audit stream of administration holds no credential', async () => {
  const admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
  try {
    const { call, audited, stores } = admin;
    const legacy = 'Legacy.Key/of+an=old%client';
    const key = textOf(
      (await call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'ERP' } })).json,
      'key',
    );
    await call('POST', '/v1/keys/import', { body: { tenant: 'acme', name: 'old', key: legacy } });
    await call('POST', '/v1/keys/import', { body: { tenant: 'acme', name: 'old', key: legacy } });
    await call('GET', `/v1/keys?after=${key}`, { token: key });
    await call('POST', `/v1/keys/${key}/revoke`, { token: key });
    await audited('keys.import', 4);
    await audited('admin.authenticate', 2);
    const stream = JSON.stringify(await stores.audit.read({ limit: 1000 }));
    for (const secret of [key, legacy, ADMIN_TOKEN]) expect(stream).not.toContain(secret);
  } finally {
    await admin.close();
  }
});
