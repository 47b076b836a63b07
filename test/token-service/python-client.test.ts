import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPythonEnvironment } from '../support/python.ts';
import { type Findings, type ProgramScene, startProgramScene } from './program-scene.ts';

const folder = path.join(import.meta.dirname, 'python');
const requirements = path.join(folder, 'requirements.txt');
const python = createPythonEnvironment(['--only-binary', ':all:', '--requirement', requirements]);
const missing = typeof python === 'string' ? python : undefined;
if (missing !== undefined) console.log(`no client in Python: ${missing}`);

describe.skipIf(missing)('O27: authlib of Python, over TLS', () => {
  let scene: ProgramScene;
  let found: Findings;

  beforeAll(async () => {
    if (typeof python === 'string') throw new Error(python);
    scene = await startProgramScene();
    found = await scene.run(python.program, [path.join(folder, 'client.py')]);
    console.log('versions of the client in Python', found['versions']);
  });
  afterAll(async () => {
    if (typeof python === 'object') python.remove();
    await scene.stop();
  });

  it('gets tokens for itself by Basic and in the body, and the upstream is told its tenant', () => {
    const token = { type: 'Bearer', expiresIn: 600, expired: false, tenant: 'acme' };
    const withScopes = { ...token, scope: 'orders:read orders:write' };
    expect(found['clientCredentials']).toEqual({
      'erp client_secret_basic': withScopes,
      'erp client_secret_post': withScopes,
      'odd client_secret_post': { ...token, scope: null },
    });
  });

  it('gets its next token by itself when one has expired', () => {
    expect(found['renewal']).toEqual({ tenant: 'acme', isNew: true, isTold: true });
  });

  it.each([
    ['confidential', 'old'],
    ['public', 'phone'],
  ])('logs a user in as a %s client, refreshes, has its token introspected and revokes', (kind, client) => {
    const known = [200, 'Anna Ackermann', null];
    expect(found[kind]).toEqual({
      name: known,
      nameRefreshed: known,
      scopes: Array(3).fill('orders:read'),
      accessTokens: 3,
      isTold: true,
      introspected: {
        active: true,
        client_id: client,
        username: '17',
        scope: 'orders:read',
        tenant: 'acme',
        token_type: 'Bearer',
      },
      revoked: [200, {}],
      afterwards: [401, null, expect.stringMatching(/^Bearer .*error="invalid_token"/)],
      introspectedAfterwards: { active: false },
      refreshedAfterwards: [
        'invalid_grant',
        'the refresh token is invalid, expired, revoked or of another client',
      ],
    });
  });

  it('raises the error and the description of each refusal', () => {
    expect(found['refusals']).toEqual({
      password: ['invalid_grant', 'wrong user name or password'],
      secret: ['invalid_client', 'client authentication failed'],
      scope: ['invalid_scope', 'the scope is malformed, or more than the client may have'],
      grant: ['unauthorized_client', 'the client does not list the grant password'],
      guesses: ['temporarily_unavailable', 'too many failed logins: try again later'],
    });
  });
});
