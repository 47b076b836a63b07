import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AttackedCredentials,
  startAttackedCredentials,
  withKey,
  withToken,
} from '../support/attacked-credentials.ts';
import type { AttackedGateway } from '../support/attacked-gateway.ts';
import { createSigningKey, type SigningKey, signToken } from '../support/issuer.ts';
import type { RawAnswer } from '../support/raw-client.ts';

let bench: AttackedCredentials;
let attacked: AttackedGateway;
let key: SigningKey;
beforeAll(async () => {
  bench = await startAttackedCredentials();
  ({ attacked, key } = bench);
});
afterAll(() => bench.close());
beforeEach(() => attacked.forget());

const ask: AttackedCredentials['ask'] = (...request) => bench.ask(...request);
const claims: AttackedCredentials['claims'] = (changes) => bench.claims(changes);

/** All of an answer that may differ between two refusals of a kind: the decision id is taken out. */
function withoutId(answer: RawAnswer): string {
  const id = answer.field('gatehouse-decision-id') ?? '';
  const fields = answer.fields
    .filter(([name]) => name !== 'Date')
    .map(([name, value]) => `${name}: ${value}`);
  return [answer.startLine, ...fields, answer.body.toString()].join('\n').replaceAll(id, 'ID');
}

describe('L04 whoever has no right credential learns nothing of it', () => {
  it.each(['/api/x', '/write', '/api/admin', '/both'])(
    'on %s every wrong key and token gets the same answer',
    async (path) => {
      const { key: right, id } = attacked.acme;
      const { key: other } = attacked.globex;
      const expired = await attacked.gateway.issueKey('acme');
      await attacked.gateway.admin('POST', `/v1/keys/${expired.id}/revoke`, {});
      const wrong = [
        ...[
          'x',
          'ghk_',
          withTypo(right),
          // Ids that exist and that do not, each with a secret that is wrong and a check that is right or wrong.
          right.replace(id, '00000000'),
          `${right.slice(0, 13)}${other.slice(13)}`,
          `${expired.key.slice(0, 13)}${right.slice(13)}`,
          withTypo(expired.key),
          right.toLowerCase(),
          `${right}x`,
          'A'.repeat(17_000),
        ].map(withKey),
        ...['x', 'a.b.c', await signToken(await createSigningKey('ES256', 'k1'), claims())].map(withToken),
        ['Authorization: Basic YTpi'],
        ['Authorization: Bearer'],
        ['Authorization: ApiKey'],
        [`Authorization: ${right}`],
      ];
      const answers: string[] = [];
      for (const fields of wrong) {
        const answer = await ask(path, fields);
        await attacked.gateway.auditOf(answer);
        answers.push(withoutId(answer));
      }
      expect(answers[0]).toMatch(/^HTTP\/1\.1 401 /);
      expect(new Set(answers)).toEqual(new Set([answers[0]]));
      attacked.expectNothingSent();
      await attacked.expectAlive();
    },
  );

  it('that it is expired or revoked is told only to who has the secret', async () => {
    const revoked = await attacked.gateway.issueKey('acme');
    await attacked.gateway.admin('POST', `/v1/keys/${revoked.id}/revoke`, {});
    await attacked.expectRefused(await ask('/api/x', withKey(revoked.key)), 401, 'credential_revoked');
    const late = claims({ iat: 1_000_000_000, exp: 1_000_000_300 });
    const expired = await ask('/api/x', withToken(await signToken(key, late)));
    await attacked.expectRefused(expired, 401, 'credential_expired');
    const forged = await ask(
      '/api/x',
      withToken(await signToken(await createSigningKey('ES256', 'k1'), late)),
    );
    await attacked.expectRefused(forged, 401, 'credential_invalid');
  });

  it('what the audit stream says of an unknown key and of a wrong secret differs in nothing but the claimed id', async () => {
    const { key: right, id } = attacked.acme;
    const secret = attacked.globex.key.slice(13, 45);
    const records = [];
    for (const claimed of [id, '00000000']) {
      const answer = await ask('/api/x', withKey(withCheck(`ghk_${claimed}_${secret}`)));
      const { at, decisionId, ...record } = await attacked.gateway.auditOf(answer);
      records.push({ ...record, sequence: 0, reason: record.reason?.replace(claimed, 'ID') });
      expect(record.credential ?? record.subject ?? record.tenant).toBeUndefined();
      expect([at, decisionId]).not.toContain(right);
    }
    expect(records[0]).toEqual(records[1]);
  });
});

describe('L07 a challenge', () => {
  const KEY = 'ApiKey realm="gatehouse"';
  const BEARER = 'Bearer realm="gatehouse"';
  const INVALID = 'Bearer realm="gatehouse", error="invalid_token"';
  it.each([
    ['/key', [], 401, [KEY]],
    ['/key', withKey('wrong'), 401, [KEY]],
    ['/bearer', [], 401, [BEARER]],
    ['/bearer', withToken('wrong'), 401, [INVALID]],
    ['/bearer', withKey('wrong'), 401, [INVALID]],
    ['/both', [], 401, [BEARER, KEY]],
    ['/both', withKey('wrong'), 401, [INVALID, KEY]],
    ['/pair', [], 401, [BEARER, KEY]],
    ['/pair', withToken('wrong'), 401, [BEARER, KEY]],
    ['/both', ['Authorization: Bearer a', 'X-API-Key: b'], 400, []],
    ['/nowhere', [], 404, []],
    ['/public/../x', [], 400, []],
  ] as const)('of %s for %j is %i %j', async (path, fields, status, challenges) => {
    const answer = await ask(path, fields);
    expect(answer.status).toBe(status);
    expect(answer.all('www-authenticate')).toEqual(challenges);
    await attacked.gateway.auditOf(answer);
    attacked.expectNothingSent();
  });

  it('of a scope that is missing names the scope, and only to who is known', async () => {
    const answer = await ask('/write', withKey(attacked.acme.key));
    await attacked.expectRefused(answer, 403, 'insufficient_scope');
    expect(answer.all('www-authenticate')).toEqual([
      'Bearer realm="gatehouse", error="insufficient_scope", scope="write"',
    ]);
    expect((await ask('/write', withKey('wrong'))).head).not.toContain('scope="');
  });

  it('is not given for a tenant, a role or an outage', async () => {
    for (const answer of [
      await ask('/api/x', withKey(attacked.acme.key), 'globex.gw.test'),
      await ask('/api/admin', withKey(attacked.acme.key)),
    ]) {
      expect(answer.status).toBe(403);
      expect(answer.all('www-authenticate')).toEqual([]);
    }
  });
});

/** The same key with its last character, which belongs to the check, changed. */
function withTypo(value: string): string {
  return `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`;
}

/** A key that no look-up is spared: its check, which is no secret, is right. */
function withCheck(body: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let rest = crc32(body);
  let check = '';
  for (let digit = 0; digit < 6; digit += 1) {
    check = digits.charAt(rest % 62) + check;
    rest = Math.floor(rest / 62);
  }
  return body + check;
}
