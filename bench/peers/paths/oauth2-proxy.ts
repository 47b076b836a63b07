import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldChanges } from '../../load/request.ts';
import { freePort } from '../../process/ports.ts';
import { AUDIENCE } from '../../targets/access-token.ts';
import { nginxLaunch } from '../../targets/nginx.ts';
import type { Launch, Program, Surroundings } from '../../targets/target.ts';
import { BEARER, faultOf, ONE_CORE, type PeerPath, type ProgramPath, USER, type Work } from '../peer-path.ts';
import { nginxAskingConfig } from './nginx-asking.ts';
import { startOidcIssuer } from './oidc-issuer.ts';
import { presentingEs256 } from './tokens.ts';

const COOKIE = '_oauth2_proxy';
const SESSION = /^cookie: .*_oauth2_proxy/im;

type Presents = 'bearer' | 'session';

/** What it is started with, and what is shown to it. */
interface Asked extends Pick<Launch, 'requests' | 'refused'> {
  readonly program: Program;
}

function askedProgram(command: string, port: number, issuer: string, further: readonly string[]): Program {
  const flags = {
    'http-address': `127.0.0.1:${port}`,
    provider: 'oidc',
    'oidc-issuer-url': issuer,
    'oidc-email-claim': 'sub',
    'client-id': AUDIENCE,
    'client-secret': randomBytes(16).toString('hex'),
    'cookie-secure': 'false',
    'email-domain': '*',
    'reverse-proxy': 'true',
    'set-xauthrequest': 'true',
    upstream: 'static://202',
    'request-logging': 'false',
    'auth-logging': 'false',
    'standard-logging': 'false',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return { command, args: [...args, ...further], env: ONE_CORE };
}

async function presentingBearer(command: string, port: number): Promise<Asked> {
  const issuer = await startOidcIssuer();
  const { jwks, requests, refused } = await presentingEs256(issuer.url);
  issuer.publish(jwks);
  const secret = `--cookie-secret=${randomBytes(16).toString('hex')}`;
  const program = askedProgram(command, port, issuer.url, [secret, '--skip-jwt-bearer-tokens=true']);
  return { program, ...(requests && { requests }), ...(refused && { refused }) };
}

function sessionFields(cookie: string): FieldChanges {
  return { 'X-Api-Key': null, Cookie: `${COOKIE}=${cookie}` };
}

/** A session cookie, from a login at a process of the same secret. */
async function presentingSession(command: string, port: number, folder: string): Promise<Asked> {
  const issuer = await startOidcIssuer();
  const passwords = path.join(folder, 'htpasswd');
  const password = randomBytes(12).toString('hex');
  await writeFile(passwords, `anna:{SHA}${createHash('sha1').update(password).digest('base64')}\n`);
  const program = askedProgram(command, port, issuer.url, [
    `--cookie-secret=${randomBytes(16).toString('hex')}`,
    `--htpasswd-file=${passwords}`,
  ]);
  const cookie = await logIn(program, port, new URLSearchParams({ username: 'anna', password }));
  const wrong = `${cookie.startsWith('A') ? 'B' : 'A'}${cookie.slice(1)}`;
  return { program, requests: [sessionFields(cookie)], refused: sessionFields(wrong) };
}

const LOGIN_WITHIN_MS = 10_000;

async function logIn({ command, args, env }: Program, port: number, body: URLSearchParams): Promise<string> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const deadline = performance.now() + LOGIN_WITHIN_MS;
  try {
    while (performance.now() < deadline) {
      const answer = await fetch(`http://127.0.0.1:${port}/oauth2/sign_in`, {
        method: 'POST',
        body,
        redirect: 'manual',
      }).catch(() => undefined);
      const cookie = new RegExp(`^${COOKIE}=([^;]+)`).exec(answer?.headers.getSetCookie()[0] ?? '')?.[1];
      if (cookie !== undefined) return cookie;
      await sleep(20);
    }
    throw new Error('oauth2-proxy gave out no session');
  } finally {
    process.off('exit', end);
    end();
  }
}

const WORK: Readonly<Record<Presents, Work>> = {
  bearer: {
    credential: 'ES256 JWT',
    checked: 'oauth2-proxy is asked, and verifies signature, issuer, audience and time on each request',
    revoked: 'when the token expires',
    identity: 'plain field',
    credentialAtUpstream: 'no',
  },
  session: {
    credential: 'session cookie, sealed, without a store',
    checked: 'oauth2-proxy is asked, and opens the cookie on each request',
    revoked: 'when the cookie expires',
    identity: 'plain field',
    credentialAtUpstream: 'no',
  },
};

export function nginxOauth2Proxy(presents: Presents, program: ProgramPath): PeerPath {
  return {
    needs: ['nginx', 'oauth2-proxy'],
    webSockets: true,
    work: WORK[presents],
    target: {
      name: presents === 'bearer' ? 'nginx-oauth2-proxy' : 'nginx-oauth2-proxy-session',
      about: `nginx with auth_request to oauth2-proxy, ${WORK[presents].credential}, GOMAXPROCS 1`,
      faultIn: (head) => faultOf(head, [USER], presents === 'bearer' ? BEARER : SESSION),
      async prepare(surroundings: Surroundings) {
        const port = await freePort();
        const command = program('oauth2-proxy');
        const asked = await (presents === 'bearer'
          ? presentingBearer(command, port)
          : presentingSession(command, port, surroundings.folder));
        const config = nginxAskingConfig(surroundings, {
          port,
          path: '/oauth2/auth',
          fields: { 'X-User-Id': 'x_auth_request_user', Authorization: '', Cookie: '' },
        });
        const { program: besides, ...presented } = asked;
        return {
          ...(await nginxLaunch(surroundings.folder, config)),
          command: program('nginx'),
          besides: [besides],
          ...presented,
        };
      },
    },
  };
}
