import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TENANTS } from '../../demo/legacy-api/tenants.ts';
import { type RawHandler, type RawUpstream, type RecordedRequest, startRawUpstream } from './raw-upstream.ts';

/** An upstream on bare TCP that checks passwords as the demo's legacy API does, and answers everything else with `ok`. */
export interface LegacyLogin extends RawUpstream {
  /** From now on, until `reset`, requests of this line (`POST /api/login`, without query) are answered like this. */
  answers(line: string, answer: string | RawHandler): void;
  reset(): void;
}

export const OK = rawAnswer(200, 'ok');

/** An answer as it goes over the wire. `fields` as lines. */
export function rawAnswer(status: number, body: string, fields: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status} X`, `Content-Length: ${Buffer.byteLength(body)}`, ...fields];
  return `${lines.join('\r\n')}\r\n\r\n${Buffer.from(body).toString('latin1')}`;
}

export function jsonAnswer(status: number, value: unknown, fields: readonly string[] = []): string {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return rawAnswer(status, body, ['Content-Type: application/json', ...fields]);
}

export async function startLegacyLogin(): Promise<LegacyLogin> {
  const scripted = new Map<string, string | RawHandler>();
  const upstream = await startRawUpstream((socket, request, number) => {
    const script = scripted.get(lineOf(request));
    if (typeof script === 'function') script(socket, request, number);
    else socket.write(script ?? usualAnswer(request), 'latin1');
  });
  return {
    ...upstream,
    answers: (line, answer) => void scripted.set(line, answer),
    reset: () => scripted.clear(),
  };
}

function lineOf({ startLine }: RecordedRequest): string {
  return startLine.replace(/(?:\?[^ ]*)? HTTP\/1\.1$/, '');
}

function usualAnswer(request: RecordedRequest): string {
  if (lineOf(request) !== 'POST /api/login') return OK;
  const { company, user, password } = JSON.parse(request.body.toString()) as Record<string, unknown>;
  const rows = TENANTS.find(({ id }) => id === company)?.users;
  const profile = rows?.find((row) => row.login === user && row.password === password)?.profile;
  if (profile === undefined) return jsonAnswer(401, { error: 'Login failed' });
  return jsonAnswer(200, { user: profile }, setCookies());
}

/** What the upstream's own session consists of, new each time. */
export function setCookies(): readonly string[] {
  const [id, auth] = [randomBytes(12).toString('hex'), randomBytes(32).toString('hex')];
  return [`Set-Cookie: ASP.NET_SessionId=${id}; path=/; HttpOnly`, `Set-Cookie: auth=${auth}; path=/`];
}

/** Answers once `release` is called, with what it is called with; `arrived` counts who waits. */
export function heldAnswers(): {
  readonly handler: RawHandler;
  readonly arrived: () => number;
  readonly release: (answer: string) => void;
} {
  const waiting: Socket[] = [];
  let arrived = 0;
  return {
    handler: (socket) => {
      arrived += 1;
      waiting.push(socket);
    },
    arrived: () => arrived,
    release: (answer) => {
      for (const socket of waiting.splice(0)) socket.write(answer, 'latin1');
    },
  };
}
