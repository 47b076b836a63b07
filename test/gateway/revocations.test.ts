import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  apiKey,
  ask,
  bearer,
  config,
  directToken,
  gateway,
  opaqueToken,
  outcome,
  useCredentialScene,
} from '../support/credential-scene.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { outcomeOf } from '../support/wire.ts';

useCredentialScene();

describe('a revocation holds from the very next request on', () => {
  const later = Math.floor(Date.now() / 1000) + 120;

  it.each([
    [
      'the key',
      async () => {
        const { id, key } = await gateway.issueKey('acme');
        return { field: apiKey(key), target: { kind: 'key', id } };
      },
    ],
    [
      'the id of the token',
      async () => ({
        field: bearer(await directToken({ jti: 'token-1' })),
        target: { kind: 'token', issuer: 'direct', jti: 'token-1' },
      }),
    ],
    [
      'the digest of a token without an id',
      async () => {
        const token = await directToken({ jti: undefined, sub: 'dora' });
        const digest = hash('sha256', token.slice(0, token.lastIndexOf('.')));
        return { field: bearer(token), target: { kind: 'tokenDigest', digest } };
      },
    ],
    [
      'the subject',
      async () => ({
        field: bearer(await directToken({ sub: 'bob' })),
        target: { kind: 'subject', subject: 'user:direct:bob' },
      }),
    ],
    [
      'the client',
      async () => ({
        field: bearer(await directToken({ sub: 'cy', client_id: 'shop' })),
        target: { kind: 'client', client: 'client:direct:shop' },
      }),
    ],
    [
      'an introspected subject',
      async () => ({
        field: bearer(opaqueToken('opaque-eve', { sub: 'eve' })),
        target: { kind: 'subject', subject: 'user:opaque:eve' },
      }),
    ],
  ])('of %s, and ends when it is taken back', async (_, prepare) => {
    const { field, target } = await prepare();
    expect(await outcome([field])).toBe('200');
    const { id } = await gateway.admin<{ id: string }>('POST', '/v1/revocations', { target });
    const refused = await ask([field]);
    expect(outcomeOf(refused)).toBe('401 credential_revoked');
    expect((await gateway.auditOf(refused)).reason).toContain(target.kind);
    await gateway.admin('DELETE', `/v1/revocations/${encodeURIComponent(id)}`);
    expect(await outcome([field])).toBe('200');
  });

  it('of a tenant, for keys and tokens alike, and for no other tenant', async () => {
    const { key } = await gateway.issueKey('globex');
    const other = await gateway.issueKey('acme');
    const token = await directToken({ tenants: ['globex'] });
    const { id } = await gateway.admin<{ id: string }>('POST', '/v1/revocations', {
      target: { kind: 'tenant', tenant: 'globex' },
    });
    expect(await outcome([apiKey(key)])).toBe('401 credential_revoked');
    expect(await outcome([bearer(token)])).toBe('401 credential_revoked');
    expect(await outcome([apiKey(other.key)])).toBe('200');
    await gateway.admin('DELETE', `/v1/revocations/${encodeURIComponent(id)}`);
    expect(await outcome([apiKey(key)])).toBe('200');
  });

  it('of all that was issued before an instant, and of nothing issued after it', async () => {
    const old = await directToken({ sub: 'fay', iat: later - 240 });
    const fresh = await directToken({ sub: 'fay', iat: Math.floor(Date.now() / 1000) });
    await gateway.admin('POST', '/v1/revocations', {
      target: { kind: 'subject', subject: 'user:direct:fay' },
      issuedBefore: new Date((later - 200) * 1000).toISOString(),
    });
    expect(await outcome([bearer(old)])).toBe('401 credential_revoked');
    expect(await outcome([bearer(fresh)])).toBe('200');
  });

  it('of a key by its own command, and a rotated key lives on for its overlap only', async () => {
    const { id, key } = await gateway.issueKey('acme');
    const { key: next } = await gateway.admin<{ key: string }>('POST', `/v1/keys/${id}/rotate`, {
      overlap: '1h',
    });
    expect(await outcome([apiKey(key)])).toBe('200');
    expect(await outcome([apiKey(next)])).toBe('200');
    await gateway.admin('POST', `/v1/keys/${id}/revoke`);
    expect(await outcome([apiKey(key)])).toBe('401 credential_revoked');
    expect(await outcome([apiKey(next)])).toBe('200');
  });
});

describe('a tenant of the store', () => {
  it('is there at once when it is made, and its suspension, host and end count at once', async () => {
    expect(await outcome([], '/public', 'newco.test')).toBe('200');
    await gateway.admin('POST', '/v1/tenants', { id: 'newco', hosts: ['newco.test'], issuers: ['direct'] });
    const { key } = await gateway.issueKey('newco');
    const token = await directToken({ tenants: ['newco'] });
    expect(await outcome([apiKey(key)], '/api/x', 'newco.test')).toBe('200');
    expect(await outcome([bearer(token)], '/api/x', 'newco.test')).toBe('200');
    const { key: acme } = await gateway.issueKey('acme');
    expect(await outcome([apiKey(acme)], '/api/x', 'newco.test')).toBe('403 tenant_mismatch');

    await gateway.admin('POST', '/v1/tenants/newco/suspend');
    expect(await outcome([apiKey(key)])).toBe('403 tenant_suspended');
    expect(await outcome([bearer(token)])).toBe('403 tenant_suspended');
    await gateway.admin('POST', '/v1/tenants/newco/resume');
    expect(await outcome([apiKey(key)])).toBe('200');

    await gateway.admin('PATCH', '/v1/tenants/newco', { issuers: [] });
    expect(await outcome([bearer(token)])).toMatch(/^401 credential_invalid$/);
    await gateway.admin('DELETE', '/v1/tenants/newco');
    expect(await outcome([apiKey(key)])).toMatch(/^(401|403) /);
    expect(await outcome([apiKey(acme)], '/api/x', 'newco.test')).toBe('200');
  });

  it('may not take the id or host of another', async () => {
    await expect(gateway.admin('POST', '/v1/tenants', { id: 'acme' })).rejects.toThrow(': 409 ');
    await expect(
      gateway.admin('POST', '/v1/tenants', { id: 'thief', hosts: ['acme.gw.test'] }),
    ).rejects.toThrow(': 409 ');
  });

  it('that a new configuration takes over is left out, and the configured one counts', async () => {
    await gateway.admin('POST', '/v1/tenants', { id: 'moving', hosts: ['moving.test'] });
    const { key } = await gateway.issueKey('moving');
    const { tenants, ...rest } = config();
    const take = (more: ConfigObject) =>
      gateway.writeConfig({ ...rest, tenants: { ...(tenants as ConfigObject), ...more } });
    take({ moving: { status: 'suspended', hosts: ['moving.test'] } });
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    expect(await outcome([apiKey(key)])).toBe('403 tenant_suspended');
    expect(gateway.log()).toContain('a stored tenant has the id or a host of another tenant and is left out');
    take({});
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    expect(await outcome([apiKey(key)])).toBe('200');
  });
});
