/**
 * The least that a correct streaming pass-through on node:http and undici does: hop-by-hop fields dropped both
 * ways, bodies streamed with back-pressure, a client that leaves aborts its request, a failed upstream is 502.
 * It decides nothing and adds nothing: what a gateway costs is measured against it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'undici';

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Bounded, since clients choose the names. */
const KNOWN_NAMES_LIMIT = 1000;
const knownNames = new Map<string, boolean>();

/** By the name as it was spelled, so that the hot path neither lower-cases nor allocates. */
function isForwarded(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const forwarded = !HOP_BY_HOP.has(name.toLowerCase());
  if (knownNames.size < KNOWN_NAMES_LIMIT) knownNames.set(name, forwarded);
  return forwarded;
}

function forwardedRequestFields(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (isForwarded(name)) fields.push(name, raw[index + 1] ?? '');
  }
  return fields;
}

function forwardedResponseFields(raw: readonly Buffer[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]?.toString('latin1') ?? '';
    if (isForwarded(name)) fields.push(name, raw[index + 1]?.toString('latin1') ?? '');
  }
  return fields;
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  );
}

export type PassThrough = (request: IncomingMessage, response: ServerResponse) => void;

/** `connections` bounds what is open to the upstream. */
export function createPassThrough(upstream: string, connections: number): PassThrough {
  const pool = new Pool(upstream, { connections });
  return (request, response) => {
    let abort: ((error?: Error) => void) | undefined;
    response.on('close', () => {
      if (!response.writableFinished) abort?.();
    });
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: request.method ?? 'GET',
        headers: forwardedRequestFields(request.rawHeaders),
        body: hasBody(request) ? request : null,
      },
      {
        onConnect(abortRequest) {
          abort = abortRequest;
        },
        onHeaders(status, rawFields, resume, statusText) {
          if (status < 200) return true;
          response.on('drain', resume);
          response.writeHead(status, statusText, forwardedResponseFields(rawFields));
          return true;
        },
        onData: (chunk) => response.write(chunk),
        onComplete() {
          response.end();
        },
        onError() {
          if (response.headersSent) response.destroy();
          else response.writeHead(502).end();
        },
      },
    );
  };
}
