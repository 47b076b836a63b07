import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecordView } from '../../src/admin/views.ts';
import { type Findings, type ProgramScene, startProgramScene } from './program-scene.ts';

/** Where nothing is cached the standard library is compiled too, which takes half a minute of one core. */
const BUILD_MILLISECONDS = 240_000;
const FETCH_MILLISECONDS = 30_000;

/** The toolchain that is there and the versions of go.mod, or nothing. */
const GO_ENVIRONMENT = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', CGO_ENABLED: '0', GOWORK: 'off' };

async function go(args: readonly string[], timeout: number): Promise<void> {
  await promisify(execFile)('go', args, {
    cwd: path.join(import.meta.dirname, 'go'),
    env: { ...process.env, ...GO_ENVIRONMENT },
    timeout,
  });
}

const missing = await go(['mod', 'download'], FETCH_MILLISECONDS).then(
  () => undefined,
  (error: unknown) => String(error),
);
if (missing !== undefined) console.log(`no client in Go: ${missing}`);

describe.skipIf(missing)('O27: golang.org/x/oauth2, over TLS', () => {
  let build: string;
  let scene: ProgramScene;
  let found: Findings;

  beforeAll(async () => {
    build = mkdtempSync(path.join(tmpdir(), 'gatehouse-go-'));
    const program = path.join(build, 'client');
    await go(['build', '-trimpath', '-o', program, '.'], BUILD_MILLISECONDS);
    scene = await startProgramScene();
    found = await scene.run(program, []);
    console.log('versions of the client in Go', found['versions']);
  }, BUILD_MILLISECONDS + 60_000);
  afterAll(async () => {
    rmSync(build, { recursive: true, force: true });
    await scene.stop();
  });

  it('gets tokens for itself in every style, whatever the secret, and the upstream is told its tenant', () => {
    const token = { type: 'Bearer', minutes: 10, valid: true, tenant: 'acme' };
    const styles = ['header', 'params', 'detected'];
    expect(found['clientCredentials']).toEqual({
      ...Object.fromEntries(
        styles.map((style) => [`erp ${style}`, { ...token, scope: 'orders:read orders:write' }]),
      ),
      ...Object.fromEntries(styles.map((style) => [`odd ${style}`, { ...token, scope: null }])),
    });
  });

  it('names the tenant by EndpointParams where the host names none', () => {
    expect(found['tenantByParameter']).toBe('globex');
  });

  it('logs a user in by the host of the tenant, and its token source keeps up with rotation', () => {
    const dead = {
      code: 'invalid_grant',
      description: 'the refresh token is invalid, expired, revoked or of another client',
      status: 400,
      challenge: '',
      waits: false,
    };
    expect(found['user']).toEqual({
      name: 'Anna Ackermann',
      nameRefreshed: 'Anna Ackermann',
      scope: 'orders:read',
      accessTokens: 3,
      refreshTokens: 3,
      // A refresh token of long ago ends the session.
      reused: dead,
      afterReuse: dead,
    });
  });

  it('finds the style of a public client without a failure that its peer would pay for', async () => {
    await scene.gateway.audited(({ code }) => code === 'too_many_failures');
    const { records } = await scene.gateway.admin<{ records: readonly AuditRecordView[] }>(
      'GET',
      '/v1/audit?limit=500',
    );
    const unknownClients = records.filter(({ route, status }) => route === 'oauth-token' && status === 401);
    // That of the wrong secret below, and none of the public client.
    expect(unknownClients).toHaveLength(1);
  });

  it('surfaces each refusal as a RetrieveError with its code', () => {
    const refusal = { status: 400, challenge: '', waits: false };
    expect(found['refusals']).toEqual({
      password: { ...refusal, code: 'invalid_grant', description: 'wrong user name or password' },
      secret: {
        ...refusal,
        code: 'invalid_client',
        description: 'client authentication failed',
        status: 401,
        challenge: 'Basic realm="gatehouse", charset="UTF-8"',
      },
      scope: {
        ...refusal,
        code: 'invalid_scope',
        description: 'the scope is malformed, or more than the client may have',
      },
      grant: {
        ...refusal,
        code: 'unauthorized_client',
        description: 'the client does not list the grant password',
      },
    });
  });

  it('is told to wait when it has guessed too often', () => {
    expect(found['throttled']).toEqual({
      code: 'temporarily_unavailable',
      description: 'too many failed logins: try again later',
      status: 429,
      challenge: '',
      waits: true,
    });
  });
});
