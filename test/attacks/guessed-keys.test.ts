import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseApiKeyId } from '../../src/api-keys/api-key.ts';
import { generateApiKey } from '../../src/api-keys/api-key-format.ts';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { connectRaw, type RawAnswer } from '../support/raw-client.ts';
import { redisMissing, startRedis, until } from '../support/redis.ts';
import { outcomeOf } from '../support/wire.ts';

let attacked: AttackedGateway | undefined;
afterEach(async () => {
  await attacked?.close();
  attacked = undefined;
});

async function start(changes: ConfigObject, limits: ConfigObject = {}): Promise<AttackedGateway> {
  attacked = await startAttackedGateway((config) => ({
    ...config,
    limits,
    ...changes,
  }));
  return attacked;
}

/** A key of our shape with this id and a secret that nobody has; without an id, one of its own. */
function guessOf(id?: string): string {
  if (id === undefined) return generateApiKey().key;
  const parsed = parseApiKeyId(id);
  if (parsed === undefined) throw new Error(`${id} is no id of a key`);
  return generateApiKey(parsed).key;
}

const present = (gateway: TestGateway, key: string, from?: string): Promise<RawAnswer> =>
  gateway.raw(
    requestOf('GET /api/x', [
      `X-API-Key: ${key}`,
      ...(from === undefined ? [] : [`X-Forwarded-For: ${from}`]),
    ]),
  );

const guess = async (gateway: TestGateway) => outcomeOf(await present(gateway, guessOf()));

function count(outcomes: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

describe('L05 wrong keys', () => {
  it('a thousand of them, each with another X-Forwarded-For, get as many guesses as their real peer has', async () => {
    const { gateway } = await start({}, { failedCredentials: '20/h' });
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async (_, lane) => {
        const client = await connectRaw(gateway.port);
        let text = '';
        for (let guess = 0; guess < 100; guess += 1)
          text += `GET /api/x HTTP/1.1\r\nHost: gw.test\r\nX-API-Key: ${guessOf()}\r\nX-Forwarded-For: 10.0.${lane}.${guess}\r\n\r\n`;
        client.send(text);
        await client.until((received) => received.split('HTTP/1.1 ').length === 101);
        client.close();
        return [
          ...client
            .received()
            .toString('latin1')
            .matchAll(/HTTP\/1\.1 (\d{3})/g),
        ].map(([, status]) => status ?? '');
      }),
    );
    expect(count(statuses.flat())).toEqual({ 401: 20, 429: 980 });
  });

  it('of one key, from ever other addresses, are answered 429 after a hundred; the right key passes all the same, whoever it is that guesses', async () => {
    const { gateway, acme, globex } = await start({ trustedProxies: ['127.0.0.1/32'] });
    const unknown = guessOf().slice(4, 12);
    for (const id of [acme.id, unknown]) {
      const outcomes: string[] = [];
      for (let guess = 0; guess < 103; guess += 1)
        outcomes.push(outcomeOf(await present(gateway, guessOf(id), `10.${guess}.0.1`)));
      expect(count(outcomes)).toEqual({ '401 credential_invalid': 100, '429 too_many_failures': 3 });
    }
    const late = await present(gateway, guessOf(acme.id), '10.200.0.1');
    // One each 36 s.
    expect(Number(late.field('retry-after'))).toBeGreaterThan(0);
    expect(Number(late.field('retry-after'))).toBeLessThanOrEqual(36);
    const record = await gateway.auditOf(late);
    expect(record).toMatchObject({ code: 'too_many_failures', peer: '10.200.0.1' });
    expect(record.reason).toContain(acme.id);
    expect(outcomeOf(await present(gateway, acme.key, '10.201.0.1'))).toBe('200');
    expect(outcomeOf(await present(gateway, guessOf(globex.id), '10.202.0.1'))).toBe(
      '401 credential_invalid',
    );
  });

  it('many at once get no more guesses than the peer has left, while the issuer is asked about each; right ones wait for their turn', async () => {
    let most = 0;
    let asked = 0;
    let running = 0;
    const issuer = createServer((request, response) => {
      asked += 1;
      running += 1;
      most = Math.max(most, running);
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => void (body += chunk));
      request.on('end', () =>
        setTimeout(() => {
          running -= 1;
          const expiry = Math.ceil(Date.now() / 1000) + 60;
          const claims = { active: true, sub: 'ann', iss: url, aud: 'api', exp: expiry };
          const answer = body.includes('right') ? claims : { active: false };
          response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
        }, 50),
      );
    });
    await new Promise<void>((resolve) => void issuer.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void issuer.close());
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    const { gateway, acme } = await start(
      {
        tenants: { acme: { issuers: ['idp'] }, globex: {} },
        issuers: {
          idp: {
            issuer: url,
            audience: 'api',
            introspection: { endpoint: url, clientId: 'gw', clientSecret: 'a-secret-of-the-gateway' },
            tenant: { fixed: 'acme' },
          },
        },
      },
      { failedCredentials: '5/h' },
    );
    const presentMany = (tokens: string) =>
      Promise.all(
        Array.from({ length: 40 }, async (_, each) => {
          const fields = [`Authorization: Bearer ${tokens}-${each}`];
          return outcomeOf(await gateway.raw(requestOf('GET /api/x', fields)));
        }),
      );
    expect(count(await presentMany('right'))).toEqual({ 200: 40 });
    expect({ asked, most }).toEqual({ asked: 40, most: 5 });
    asked = 0;
    expect(count(await presentMany('wrong'))).toEqual({
      '401 credential_invalid': 5,
      '429 too_many_failures': 35,
    });
    expect({ asked, most }).toEqual({ asked: 5, most: 5 });
    expect(outcomeOf(await present(gateway, acme.key))).toBe('429 too_many_failures');
  });

  it.skipIf(redisMissing)(
    `count for all replicas together, which learn of it by one guess more ${redisMissing ?? ''}`,
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      const config: ConfigObject = {
        store: { redis: { url: redis.url, commandTimeout: '3s' } },
        encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
        limits: { queueDelay: '1m', failedCredentials: '10/h' },
        tenants: { acme: {} },
        upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
        routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' }],
      };
      const replicas = await Promise.all([startTestGateway(config), startTestGateway(config)]);
      onTestFinished(async () => void (await Promise.all(replicas.map((replica) => replica.stop()))));
      const [one, other] = replicas;
      for (let failure = 0; failure < 10; failure += 1)
        expect(await guess(one)).toBe('401 credential_invalid');
      expect(await guess(one)).toBe('429 too_many_failures');
      await until('it is told', async () => {
        const used = await Promise.all(
          (await redis.admin.keys('gatehouse:usage:*')).map((key) => redis.admin.get(key)),
        );
        return used.some((each) => Number(each?.split(' ', 1)[0]) > 9.9);
      });
      expect(await guess(other)).toBe('401 credential_invalid');
      await until('the other knows', async () => (await guess(other)) === '429 too_many_failures');
    },
  );
});
