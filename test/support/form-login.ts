import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web application of the usual kind: a login page with a token against cross-site posts, redirects for yes and no, a cookie. */
export interface FormLogin {
  readonly url: string;
  /** `METHOD target`, in order. */
  readonly received: string[];
  close(): Promise<void>;
}

const USER = { name: 'grace', password: 'c0b&l=ö+"', id: 9_007_199_254_740_993n };

/** Everything is below `/app`. The user is `grace`, whose password no encoding may change. */
export async function startFormLogin(): Promise<FormLogin> {
  const tokens = new Map<string, string>();
  const sessions = new Set<string>();
  const received: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method ?? ''} ${request.url ?? ''}`;
    received.push(line);
    const cookies = new URLSearchParams(
      (request.headers.cookie ?? '').replaceAll(/; */g, '&').replaceAll('+', '%2B'),
    );
    const session = cookies.get('app_session') ?? '';
    switch (line) {
      case 'GET /app/login': {
        const before = randomBytes(8).toString('hex');
        const token = `<"${randomBytes(8).toString('hex')}'&>`;
        tokens.set(before, token);
        const written = token
          .replaceAll('&', '&amp;')
          .replaceAll('"', '&quot;')
          .replaceAll('<', '&lt;')
          .replaceAll("'", '&#39;');
        response
          .writeHead(200, {
            'Content-Type': 'text/html',
            'Set-Cookie': `visit=${before}; Path=/app; HttpOnly`,
          })
          .end(`<!doctype html><title>Log in</title><!-- <input name=csrf value=old> -->
            <form method=post><INPUT type='hidden' VALUE="${written}"
            name=csrf><input name="user"><input name=pass type=password></form>`);
        return;
      }
      case 'POST /app/login': {
        const form = new URLSearchParams(await readText(request));
        const visit = cookies.get('visit') ?? '';
        const token = tokens.get(visit);
        tokens.delete(visit);
        if (token === undefined || form.get('csrf') !== token) return redirect(response, '/app/login?again');
        const isRight = form.get('user') === USER.name && form.get('pass') === USER.password;
        if (!isRight) return redirect(response, '/app/login?failed');
        const id = randomBytes(8).toString('hex');
        sessions.add(id);
        return redirect(response, '/app/home', [
          'visit=; Path=/app; Max-Age=0',
          `app_session=${id}; Path=/app; HttpOnly`,
        ]);
      }
      case 'GET /app/api/user':
        if (!sessions.has(session)) return redirect(response, '/app/login');
        response
          .writeHead(200, { 'Content-Type': 'application/json' })
          .end(`{"id": ${USER.id}, "roles": "admin, clerk", "mail": {"work": "g@navy.test"}}`);
        return;
      case 'POST /app/logout':
        sessions.delete(session);
        return redirect(response, '/app/login');
      default:
        response.writeHead(404).end();
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const FORM_USER = { username: USER.name, password: USER.password, id: String(USER.id) };

function redirect(response: ServerResponse, location: string, cookies: readonly string[] = []): void {
  response.writeHead(302, { Location: location, 'Set-Cookie': [...cookies] }).end();
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
