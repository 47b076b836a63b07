import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { ANNA, ISSUER, ODD_SECRET, secretOf } from './replica.ts';
import { basicOf, onBothStores, post, tokenOf, verdict, verificationOf } from './scene.ts';

const CREDENTIALS = { grant_type: 'client_credentials' };

onBothStores((scene) => {
  const ask = (parameters: Record<string, string>, options = {}) =>
    post(scene(), '/oauth/token', parameters, options);

  describe('client_credentials', () => {
    it('gives an opaque access token alone, for the only tenant of the client', async () => {
      const answer = await ask(CREDENTIALS, { as: 'erp' });
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual({
        access_token: expect.stringMatching(/^gha_[0-9A-Za-z]{43}$/),
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'orders:read orders:write',
      });
      const verification = await verificationOf(scene(), tokenOf(answer));
      expect(verification).toMatchObject({
        kind: 'accepted',
        principal: {
          kind: 'client',
          subject: 'client:erp',
          clientId: 'erp',
          tenants: ['acme'],
          method: 'token',
        },
        dependsOn: ['client:erp'],
      });
    });

    it('gives a JWT of RFC 9068, signed by a ring of its own, to a client that wants one', async () => {
      const answer = await ask({ ...CREDENTIALS, tenant: 'globex', scope: 'orders:read' }, { as: 'jwt' });
      const jwks = createLocalJWKSet(scene().first.keyring.jwks() as unknown as JSONWebKeySet);
      const { payload, protectedHeader } = await jwtVerify(tokenOf(answer), jwks, {
        issuer: ISSUER,
        audience: ISSUER,
        typ: 'at+jwt',
        currentDate: new Date(scene().now),
      });
      expect(payload).toMatchObject({
        sub: 'client:jwt',
        client_id: 'jwt',
        tenant: 'globex',
        scope: 'orders:read',
      });
      const ring = scene().first.keyring.verificationKeys('access-token');
      expect(ring.map(({ kid }) => kid)).toContain(protectedHeader.kid);
      await scene().first.keyring.prepare(['ES256']);
      const assertions = scene().first.keyring.verificationKeys('assertion');
      expect(assertions.map(({ kid }) => kid)).not.toContain(protectedHeader.kid);
      for (const replica of scene().replicas)
        expect(await verdict(scene(), tokenOf(answer), replica)).toBe('accepted');
    });

    it.each([
      ['the parameter names one of several', 'multi', { tenant: 'globex' }, {}, 200],
      ['the host names one of several', 'multi', {}, { hostTenant: 'acme' }, 200],
      ['nothing names one of several', 'multi', {}, {}, 'invalid_request'],
      ['nothing names one of any', 'anywhere', {}, {}, 'invalid_request'],
      ['host and parameter agree', 'anywhere', { tenant: 'acme' }, { hostTenant: 'acme' }, 200],
      [
        'O25: host and parameter differ',
        'anywhere',
        { tenant: 'acme' },
        { hostTenant: 'globex' },
        'invalid_grant',
      ],
      ['O25: the parameter is not the only tenant', 'erp', { tenant: 'globex' }, {}, 'invalid_grant'],
      ['O25: the host is not the only tenant', 'erp', {}, { hostTenant: 'globex' }, 'invalid_grant'],
      ['there is no such tenant', 'anywhere', { tenant: 'initech' }, {}, 'invalid_grant'],
      ['it is no tenant id', 'anywhere', { tenant: '../acme' }, {}, 'invalid_grant'],
    ])('tenant: %s', async (_, as, parameters, options, expected) => {
      const answer = await ask({ ...CREDENTIALS, ...parameters }, { as, ...options });
      expect(answer.status === 200 ? 200 : answer.json['error']).toBe(expected);
    });

    it.each([
      ['orders:read', 'orders:read'],
      ['orders:write orders:read orders:read', 'orders:write orders:read'],
      ['admin', 'invalid_scope'],
      ['orders:read admin', 'invalid_scope'],
      ['orders:read  orders:write', 'invalid_scope'],
      [' orders:read', 'invalid_scope'],
      ['orders:read\u0000', 'invalid_scope'],
    ])('scope %j gives %j', async (scope, expected) => {
      const { json } = await ask({ ...CREDENTIALS, scope }, { as: 'erp' });
      expect(json['scope'] ?? json['error']).toBe(expected);
    });
  });

  describe('O11: a client authenticates', () => {
    it('with Basic, whose parts are form-encoded before', async () => {
      const fields = { authorization: basicOf('odd', ODD_SECRET) };
      expect((await ask(CREDENTIALS, { fields })).status).toBe(200);
      const unencoded = Buffer.from(`odd:${ODD_SECRET}`).toString('base64');
      expect((await ask(CREDENTIALS, { fields: { authorization: `Basic ${unencoded}` } })).status).toBe(401);
      const plus = `Basic ${Buffer.from(`odd:${new URLSearchParams({ s: ODD_SECRET }).toString().slice(2)}`).toString('base64')}`;
      expect((await ask(CREDENTIALS, { fields: { authorization: plus } })).status).toBe(200);
    });

    it('with client_secret_post', async () => {
      const answer = await ask({ ...CREDENTIALS, client_id: 'odd', client_secret: ODD_SECRET });
      expect(answer.status).toBe(200);
    });

    const erp = { client_id: 'erp', client_secret: secretOf('erp') };
    const basic = { authorization: basicOf('erp', secretOf('erp')) };
    it.each([
      ['in two ways', erp, { fields: basic }, 400, 'invalid_request'],
      [
        'in two ways, one of them wrong',
        { ...erp, client_secret: 'x' },
        { fields: basic },
        400,
        'invalid_request',
      ],
      ['as two clients', { client_id: 'multi' }, { fields: basic }, 400, 'invalid_request'],
      ['with an assertion beside', { client_assertion: 'a.b.c' }, { fields: basic }, 400, 'invalid_request'],
      [
        'with two Authorization fields',
        {},
        { fields: basic, repeated: ['authorization'] },
        400,
        'invalid_request',
      ],
      [
        "with another client's JWT",
        { client_assertion: 'a.b.c', client_id: 'erp' },
        {},
        401,
        'invalid_client',
      ],
      ['in the query', {}, { query: new URLSearchParams(erp).toString() }, 400, 'invalid_request'],
      ['with a query beside', {}, { fields: basic, query: 'x=1' }, 400, 'invalid_request'],
      ['with an empty secret', { client_id: 'erp', client_secret: '' }, {}, 401, 'invalid_client'],
      [
        'with an empty secret in Basic',
        {},
        { fields: { authorization: basicOf('erp', '') } },
        401,
        'invalid_client',
      ],
      [
        'with the secret of another',
        {},
        { fields: { authorization: basicOf('erp', secretOf('old')) } },
        401,
        'invalid_client',
      ],
      ['without a secret', { client_id: 'erp' }, {}, 401, 'invalid_client'],
      ['without anything', {}, {}, 401, 'invalid_client'],
      ['as nobody that there is', { client_id: 'nobody', client_secret: 'x' }, {}, 401, 'invalid_client'],
      [
        'as a public client with a secret',
        { client_id: 'phone', client_secret: 'x' },
        {},
        401,
        'invalid_client',
      ],
      [
        'as a public client with a secret in Basic',
        {},
        { fields: { authorization: basicOf('phone', 'x') } },
        401,
        'invalid_client',
      ],
      ['with a bearer token', {}, { fields: { authorization: 'Bearer x' } }, 401, 'invalid_client'],
      ['with Basic of no base64', {}, { fields: { authorization: 'Basic ü' } }, 401, 'invalid_client'],
      [
        'with Basic of bad percent signs',
        {},
        { fields: { authorization: `Basic ${btoa('erp:%zz')}` } },
        401,
        'invalid_client',
      ],
    ])('but not %s', async (_, parameters, options, status, error) => {
      const answer = await ask({ ...CREDENTIALS, ...parameters }, options);
      expect([answer.status, answer.json['error']]).toEqual([status, error]);
      expect(answer.field('www-authenticate')).toBe(
        status === 401 ? 'Basic realm="gatehouse", charset="UTF-8"' : undefined,
      );
      expect(answer.field('cache-control')).toBe('no-store');
    });

    it('and the answer is the same for an unknown client as for a wrong secret', async () => {
      const wrong = await ask({ ...CREDENTIALS, client_id: 'erp', client_secret: 'x' });
      const unknown = await ask({ ...CREDENTIALS, client_id: 'nobody', client_secret: 'x' });
      for (const member of ['status', 'fields', 'body'] as const)
        expect(unknown.raw[member]).toEqual(wrong.raw[member]);
    });
  });

  describe('L05: wrong client secrets', () => {
    const wrong = { ...CREDENTIALS, client_id: 'erp', client_secret: 'wrong' };

    it('are stopped per peer before a secret is looked at', async () => {
      const statuses: number[] = [];
      const peer = '203.0.113.7';
      for (let count = 0; count < 31; count += 1) statuses.push((await ask(wrong, { peer })).status);
      expect(statuses.slice(0, 30)).toEqual(Array(30).fill(401));
      const refused = await ask(CREDENTIALS, { as: 'erp', peer });
      expect(refused.status).toBe(429);
      expect(Number(refused.field('retry-after'))).toBeGreaterThan(0);
      expect((await ask(CREDENTIALS, { as: 'erp', peer: '192.0.2.99' })).status).toBe(200);
    });

    it('are counted per client id however many peers there are, and lock nobody out who has the secret', async () => {
      const answers = await Promise.all(
        Array.from({ length: 130 }, (_, at) =>
          ask({ ...wrong, client_id: 'odd' }, { peer: `198.51.100.${at}` }),
        ),
      );
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(100);
      const throttled = answers.filter(({ status }) => status === 429);
      expect(throttled).toHaveLength(30);
      expect(throttled[0]?.json['error']).toBe('temporarily_unavailable');
      expect(Number(throttled[0]?.field('retry-after'))).toBeGreaterThan(0);
      expect((await ask(CREDENTIALS, { as: 'odd' })).status).toBe(200);
    });
  });

  describe('O14, O15: a grant is for those who list it', () => {
    it.each([
      ['password', 'erp', ANNA, 'unauthorized_client'],
      ['client_credentials', 'old', CREDENTIALS, 'unauthorized_client'],
      ['refresh_token', 'brief', { grant_type: 'refresh_token', refresh_token: 'x' }, 'unauthorized_client'],
      [
        'authorization_code',
        'old',
        { grant_type: 'authorization_code', code: 'x' },
        'unsupported_grant_type',
      ],
      ['PASSWORD', 'old', { ...ANNA, grant_type: 'PASSWORD' }, 'unsupported_grant_type'],
      ['no grant_type', 'old', {}, 'invalid_request'],
    ])('%s by %s', async (_, as, parameters, error) => {
      const answer = await ask({ ...parameters }, { as });
      expect([answer.status, answer.json['error']]).toEqual([400, error]);
      expect(scene().logins()).toBe(0);
    });
  });

  describe('O17: parameters and answers', () => {
    it.each([
      ['a parameter twice', 'grant_type=client_credentials&scope=orders:read&scope=orders:read'],
      ['an unknown parameter twice', 'grant_type=client_credentials&x=1&x=2'],
      ['a parameter twice, once empty', 'grant_type=client_credentials&scope=&scope=orders:read'],
      ['a name in two spellings', 'grant_type=client_credentials&%67rant_type=password'],
      ['a broken percent sign', 'grant_type=client_credentials&scope=%zz'],
      ['bytes that are no UTF-8', 'grant_type=client_credentials&scope=%ff'],
      ['an overlong NUL', 'grant_type=client_credentials&scope=%c0%80'],
      ['too many parameters', `grant_type=client_credentials${'&a'.repeat(101)}`],
      ['JSON', '{"grant_type":"client_credentials"}'],
    ])('%s is refused', async (_, body) => {
      const answer = await ask({}, { as: 'erp', body });
      expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
    });

    it.each([
      'application/json',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=iso-8859-1',
      'text/plain',
    ])('a body of type %s is refused', async (type) => {
      const answer = await ask(CREDENTIALS, { as: 'erp', fields: { 'content-type': type } });
      expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
    });

    it('ignores what it does not know, and takes an empty parameter for none', async () => {
      const fields = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
      const answer = await ask(
        { ...CREDENTIALS, resource: 'x', scope: '', tenant: '' },
        { as: 'erp', fields },
      );
      expect(answer.status).toBe(200);
    });

    it.each([
      ['success', CREDENTIALS, { as: 'erp' }],
      ['refusal', {}, { as: 'erp' }],
      ['wrong client', CREDENTIALS, {}],
    ])('every answer (%s) is JSON that no cache keeps', async (_, parameters, options) => {
      const answer = await ask({ ...parameters }, options);
      expect(answer.field('content-type')).toBe('application/json');
      expect(answer.field('cache-control')).toBe('no-store');
      expect(answer.field('pragma')).toBe('no-cache');
      expect(answer.raw.body.toString()).not.toMatch(/\bat \S+:\d+|node:|src\//);
    });
  });
}, 'shared');
