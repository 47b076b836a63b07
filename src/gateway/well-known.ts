import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Keyring } from '../keys/keyring.ts';

export const WELL_KNOWN_JWKS = '/.well-known/jwks.json';

/** Seconds that a verifier may keep the keys: shorter than the time for which a key is published before it signs. */
const MAX_AGE = 300;

export interface WellKnown {
  answerJwks(received: IncomingMessage, response: ServerResponse): void;
}

/** Documents that the gateway publishes itself. */
export function createWellKnown(keyring: Pick<Keyring, 'jwks'>): WellKnown {
  return {
    answerJwks(received, response) {
      const isRead = received.method === 'GET' || received.method === 'HEAD';
      if (!isRead) {
        response.writeHead(405, ['Allow', 'GET, HEAD', 'Content-Length', '0', 'Connection', 'close']);
        response.end();
        return;
      }
      const body = JSON.stringify(keyring.jwks());
      const etag = `"${hash('sha256', body).slice(0, 32)}"`;
      const fields = ['Cache-Control', `public, max-age=${MAX_AGE}`, 'ETag', etag];
      if (received.headers['if-none-match'] === etag) {
        response.writeHead(304, fields);
        response.end();
        return;
      }
      fields.push(
        'Content-Type',
        'application/jwk-set+json',
        'Content-Length',
        String(Buffer.byteLength(body)),
      );
      response.writeHead(200, fields);
      response.end(received.method === 'HEAD' ? undefined : body);
    },
  };
}
