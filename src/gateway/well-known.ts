import { hash } from 'node:crypto';
import { type JsonWebKeySet, JWKS_MAX_AGE_SECONDS, type Keyring } from '../keys/keyring.ts';
import type { ClientResponse, ReceivedMessage } from '../upstream/client-side.ts';

export const WELL_KNOWN_JWKS = '/.well-known/jwks.json';

export interface WellKnown {
  answerJwks(received: ReceivedMessage, response: ClientResponse): void;
}

interface WrittenKeys {
  readonly keys: JsonWebKeySet;
  readonly body: string;
  readonly etag: string;
}

function writeKeys(keys: JsonWebKeySet): WrittenKeys {
  const body = JSON.stringify(keys);
  return { keys, body, etag: `"${hash('sha256', body).slice(0, 32)}"` };
}

/** Documents that the gateway publishes itself. */
export function createWellKnown(keyring: Pick<Keyring, 'jwks'>): WellKnown {
  let written: WrittenKeys | undefined;
  return {
    answerJwks(received, response) {
      // Nobody has judged the framing of a body here, so nothing behind it is read as a request.
      if (hasBody(received)) response.shouldKeepAlive = false;
      const isRead = received.method === 'GET' || received.method === 'HEAD';
      if (!isRead) {
        response.shouldKeepAlive = false;
        response.writeHead(405, ['Allow', 'GET, HEAD', 'Content-Length', '0', 'Connection', 'close']);
        response.end();
        return;
      }
      const keys = keyring.jwks();
      if (written?.keys !== keys) written = writeKeys(keys);
      const { body, etag } = written;
      const fields = ['Cache-Control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`, 'ETag', etag];
      if (received.headers['if-none-match'] === etag) {
        response.writeHead(304, fields);
        response.end();
        return;
      }
      fields.push(
        'Content-Type',
        'application/jwk-set+json',
        'X-Content-Type-Options',
        'nosniff',
        'Content-Length',
        String(Buffer.byteLength(body)),
      );
      response.writeHead(200, fields);
      response.end(received.method === 'HEAD' ? undefined : body);
    },
  };
}

function hasBody({ headers }: ReceivedMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
