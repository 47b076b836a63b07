import { describe, expect, it } from 'vitest';
import { basic, secretOf } from '../support/attacked-clients.ts';
import {
  bearer,
  FORM,
  memberOf,
  onBothStores,
  PASSWORD_GRANT,
  refreshWith,
  tokensOf,
} from '../support/attacked-users.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { MEANT } from '../support/users-scene.ts';

const OWN = { grant_type: 'client_credentials' } as const;
const pair = (text: string) => `Authorization: Basic ${Buffer.from(text, 'latin1').toString('base64')}`;
const encode = (part: ConfigObject) => Buffer.from(JSON.stringify(part)).toString('base64url');
const ENDPOINTS = ['/oauth/token', '/oauth/revoke', '/oauth/introspect'] as const;

onBothStores((scene) => {
  const everywhere = (parameters: ConfigObject, fields: readonly string[], query = '') =>
    Promise.all(ENDPOINTS.map((path) => scene.post(`${path}${query}`, parameters, { fields })));

  describe('O11 somebody who says to be a client', () => {
    it.each([
      ['with a wrong secret', [basic('erp', secretOf('jwt-erp'))], {}],
      ['with an empty secret', [basic('erp', '')], {}],
      ['with the secret cut', [basic('erp', secretOf('erp').slice(0, -1))], {}],
      ['with the digest of the secret', [basic('erp', 'sha256:00')], {}],
      ['without a secret', [], { client_id: 'erp' }],
      ['with an empty secret in the body, which counts as none', [], { client_id: 'erp', client_secret: '' }],
      ['with a wrong secret in the body', [], { client_id: 'erp', client_secret: 'x' }],
      ['that is public, with a secret', [], { client_id: 'desktop', client_secret: 'x' }],
      ['that is public, with a secret in Basic', [basic('desktop', 'x')], {}],
      ['that there is not', [basic('nobody', 'x')], {}],
      ['of the name of an object', [basic('__proto__', 'x')], {}],
      ['of the name of a method', [], { client_id: 'constructor' }],
      ['in another case', [basic('ERP', secretOf('erp'))], {}],
      ['with a blank behind the id', [basic('erp ', secretOf('erp'))], {}],
      ['with a NUL behind the id', [basic('erp\0', secretOf('erp'))], {}],
      ['with a Basic that is not Base64', ['Authorization: Basic %%%'], {}],
      ['with a Basic without a colon', [pair('erp')], {}],
      ['with a Basic that is empty', ['Authorization: Basic '], {}],
      ['with a Basic in bad UTF-8', [pair('erp:\xff\xfe')], {}],
      ['with a broken percent-encoding', [pair('erp:%zz')], {}],
      ['with a secret encoded twice', [pair(`erp:${encodeURIComponent(encodeURIComponent('a+b c'))}`)], {}],
      ['with Bearer', [bearer(secretOf('erp'))], {}],
      ['with ApiKey', [`Authorization: ApiKey ${secretOf('erp')}`], {}],
      ['with two schemes in one field', [`${basic('erp')}, Basic x`], {}],
      [
        'with an assertion',
        [],
        { client_assertion_type: 'urn:x', client_assertion: 'a.b.c', client_id: 'erp' },
      ],
    ])('(%s) gets nothing, from no endpoint', async (_, fields, parameters) => {
      const answers = await everywhere({ ...OWN, token: 'x', ...parameters }, fields);
      for (const answer of answers) {
        expect(memberOf(answer, 'error_description')).toBe('client authentication failed');
        expect(answer.field('www-authenticate')).toMatch(/^Basic /);
      }
      await scene.expectRefused(answers, '401 invalid_client', /^credential_(invalid|missing): /);
    });

    it.each([
      ['Basic and body', [basic('erp')], { client_id: 'erp', client_secret: secretOf('erp') }],
      ['Basic and the id of another client', [basic('erp')], { client_id: 'desktop' }],
      ['Basic and an assertion', [basic('erp')], { client_assertion: 'x' }],
      ['two Basic fields', [basic('erp'), basic('jwt-erp')], {}],
      ['Bearer and body', [bearer('x')], { client_id: 'erp', client_secret: secretOf('erp') }],
    ])('in two ways (%s) is refused, however right each would be', async (_, fields, parameters) => {
      const answers = await everywhere({ ...OWN, token: 'x', ...parameters }, fields);
      await scene.expectRefused(answers, '400 invalid_request', /^request_malformed: /);
    });

    it.each([
      [
        'client_id',
        `grant_type=client_credentials&client_id=erp&client_id=desktop&client_secret=${secretOf('erp')}`,
      ],
      [
        'client_secret',
        `grant_type=client_credentials&client_id=erp&client_secret=x&client_secret=${secretOf('erp')}`,
      ],
      [
        'grant_type',
        `grant_type=password&grant_type=client_credentials&client_id=erp&client_secret=${secretOf('erp')}`,
      ],
      [
        'scope',
        `grant_type=client_credentials&scope=orders%3Aread&scope=x&client_id=erp&client_secret=${secretOf('erp')}`,
      ],
      ['a name that is encoded once', `grant_type=client_credentials&%63lient_id=desktop&client_id=erp`],
      [
        'something unknown',
        `grant_type=client_credentials&x=1&x=1&client_id=erp&client_secret=${secretOf('erp')}`,
      ],
      [
        'something empty',
        `grant_type=client_credentials&tenant=&tenant=acme&client_id=erp&client_secret=${secretOf('erp')}`,
      ],
    ])('with %s twice is refused', async (_, body) => {
      const answer = await scene.post('/oauth/token', body);
      await scene.expectRefused(
        answer,
        '400 invalid_request',
        'request_malformed: a parameter is there more than once',
      );
    });

    it.each([
      ['the secret', `?client_id=erp&client_secret=${secretOf('erp')}`, {}],
      ['the grant', '?grant_type=client_credentials', { client_id: 'erp', client_secret: secretOf('erp') }],
      ['anything', '?x', { ...OWN, client_id: 'erp', client_secret: secretOf('erp') }],
    ])('in the query (%s) is refused, and the query is told to nobody', async (_, query, parameters) => {
      const answers = await everywhere(parameters, [], query);
      const record = await scene.expectRefused(
        answers,
        '400 invalid_request',
        'request_malformed: parameters belong into the body, not into the query',
      );
      expect(record.path).toBe(ENDPOINTS.at(-1));
      expect(scene.first.log()).not.toContain(secretOf('erp'));
    });

    it.each([
      ['JSON', 'Content-Type: application/json', JSON.stringify({ ...OWN, client_id: 'erp' })],
      ['plain text', 'Content-Type: text/plain', 'grant_type=client_credentials'],
      ['another charset', `${FORM}; charset=utf-16`, 'grant_type=client_credentials'],
      ['bad UTF-8', FORM, 'grant_type=client_credentials&client_id=%ff%fe'],
      ['broken percent-encoding', FORM, 'grant_type=client_credentials&client_id=%z1'],
      ['101 parameters', FORM, Array.from({ length: 101 }, (_, at) => `p${at}=1`).join('&')],
    ])('in a body of %s is refused', async (_, type, body) => {
      const answer = await scene.post('/oauth/token', body, { fields: [type, basic('erp')] });
      await scene.expectRefused(answer, '400 invalid_request', /^request_malformed: /);
    });

    it('in a body that is too long is refused before it is read', async () => {
      const answer = await scene.post('/oauth/token', `x=${'y'.repeat(70_000)}`);
      expect(answer.status).toBe(413);
      await scene.expectAlive();
    });

    it('by GET, HEAD, PUT or OPTIONS gets no token', async () => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const answer = await scene.send(`${method} /oauth/token`, { fields: [basic('erp')] });
        expect(answer.status).toBe(405);
      }
      expect((await scene.send('OPTIONS /oauth/token', { fields: [basic('erp')] })).status).toBe(204);
      await scene.expectAlive();
    });

    it('by a session cookie gets nothing: the token service looks at no cookie', async () => {
      const cookie = await scene.session();
      scene.forget();
      const answer = await scene.post('/oauth/token', OWN, { fields: [...MEANT, cookie] });
      await scene.expectRefused(answer, '401 invalid_client', 'credential_missing: no client_id was sent');
    });
  });

  describe('O12 an assertion in place of a secret', () => {
    it.each(['erp', 'desktop', 'nobody'])('authenticates nobody, whatever it says (%s)', async (client) => {
      const seconds = Math.floor(Date.now() / 1000);
      const claims = { iss: client, sub: client, aud: '/oauth/token', jti: 'a', exp: seconds + 60 };
      for (const alg of ['ES256', 'HS256', 'none']) {
        const assertion = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}.${alg === 'none' ? '' : 'AAAA'}`;
        const answers = await everywhere(
          {
            ...OWN,
            token: 'x',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: assertion,
          },
          [],
        );
        await scene.expectRefused(answers, '401 invalid_client', /^credential_invalid: client_assertion/);
      }
    });

    it('is not offered in the metadata', async () => {
      const answer = await scene.send('GET /.well-known/oauth-authorization-server');
      const metadata = JSON.parse(answer.body.toString()) as Record<string, unknown>;
      expect(metadata['token_endpoint_auth_methods_supported']).toEqual([
        'client_secret_basic',
        'client_secret_post',
        'none',
      ]);
      expect(metadata).not.toHaveProperty('token_endpoint_auth_signing_alg_values_supported');
    });
  });

  describe('O14 the password grant', () => {
    it.each([
      ['a public client that does not list it', { client_id: 'web-app' }, []],
      ['a confidential client that does not list it', { client_id: '' }, [basic('erp')]],
    ])('is refused to %s, and the upstream is not asked', async (_, parameters, fields) => {
      const answer = await scene.post('/oauth/token', { ...PASSWORD_GRANT, ...parameters }, { fields });
      await scene.expectRefused(
        answer,
        '400 unauthorized_client',
        'insufficient_scope: the client does not list the grant password',
      );
    });

    it('is refused without user name or password, and the upstream is not asked', async () => {
      for (const missing of ['username', 'password']) {
        const answer = await scene.post('/oauth/token', { ...PASSWORD_GRANT, [missing]: '' });
        await scene.expectRefused(
          answer,
          '400 invalid_request',
          'request_malformed: username and password are required',
        );
      }
    });
  });

  describe('O15 a client that asks for a grant that is not its own', () => {
    it.each([
      ['client_credentials', { client_id: 'desktop' }, []],
      ['client_credentials', {}, [basic('old-erp')]],
      ['client_credentials', {}, [basic('api-acme')]],
      ['refresh_token', { refresh_token: 'ghr_x' }, [basic('erp')]],
      ['password', { username: 'anna', password: 'acme-anna-pw' }, [basic('jwt-erp')]],
    ])('(%s) is refused', async (grant, parameters, fields) => {
      const answer = await scene.post('/oauth/token', { grant_type: grant, ...parameters }, { fields });
      await scene.expectRefused(
        answer,
        '400 unauthorized_client',
        `insufficient_scope: the client does not list the grant ${grant}`,
      );
    });

    it.each([
      'authorization_code',
      'implicit',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      '__proto__',
      'constructor',
      'PASSWORD',
      'password ',
    ])('(%s, which there is not) is refused', async (grant) => {
      const answer = await scene.post(
        '/oauth/token',
        { grant_type: grant, subject_token: 'x', assertion: 'x', code: 'x' },
        { fields: [basic('old-erp')] },
      );
      await scene.expectRefused(
        answer,
        '400 unsupported_grant_type',
        'request_malformed: there is no such grant_type',
      );
    });
  });

  describe('O15 a client that asks for more than its scopes', () => {
    it.each([
      ['another one', 'orders:write'],
      ['one more', 'orders:read admin'],
      ['all', '*'],
      ['a tab between', 'orders:read\torders:read'],
      ['two blanks between', 'orders:read  orders:read'],
      ['a line end', 'orders:read\r\nadmin'],
      ['a comma', 'orders:read,admin'],
      ['another case', 'ORDERS:READ'],
      ['a blank alone', ' '],
    ])('(%s) gets none', async (_, scope) => {
      const own = await scene.post('/oauth/token', { ...OWN, scope }, { fields: [basic('erp')] });
      await scene.expectRefused(own, '400 invalid_scope', /^insufficient_scope: /);
    });

    it('at the refresh gets none either, and the refresh token is still good', async () => {
      const tokens = await scene.tokens({ scope: 'orders:read' });
      scene.forget();
      for (const scope of ['orders:write', 'orders:read orders:write']) {
        const answer = await scene.post('/oauth/token', { ...refreshWith(tokens.refresh), scope });
        await scene.expectRefused(answer, '400 invalid_scope', /^insufficient_scope: /);
      }
      const next = tokensOf(await scene.post('/oauth/token', refreshWith(tokens.refresh)));
      const answer = await scene.send('POST /writers/x', { fields: [bearer(next.access)] });
      await scene.expectRefused(answer, '403 insufficient_scope', /^insufficient_scope: /);
    });

    it('by a ticket gets none: it may do no more than the token that asked for it', async () => {
      const narrow = (await scene.tokens({ scope: 'orders:read' })).access;
      const wide = (await scene.tokens()).access;
      const ticketOf = async (token: string) =>
        memberOf(await scene.send('POST /session/ticket', { fields: [bearer(token)] }), 'ticket');
      const tickets = [await ticketOf(narrow), await ticketOf(wide)];
      scene.forget();
      const answer = await scene.send(`GET /writers/x?ticket=${tickets[0]}`);
      await scene.expectRefused(answer, '403 insufficient_scope', /^insufficient_scope: /);
      const admitted = await scene.send(`GET /writers/x?ticket=${tickets[1]}`);
      await scene.expectAdmitted(admitted, 200, ['GET /writers/x']);
    });
  });
});
