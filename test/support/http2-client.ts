import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { onTestFinished } from 'vitest';
import { type CertificateAuthority, createCertificateAuthority } from './certificates.ts';
import type { ConfigObject, TestGatewayOptions } from './gateway.ts';

/** One answer by HTTP/2. */
export interface Http2Answer {
  readonly status: number;
  /** All values of a field, as they came. */
  all(name: string): readonly string[];
  field(name: string): string | undefined;
  readonly names: readonly string[];
  readonly body: Buffer;
  /** Of the stream, once it was closed. */
  readonly resetCode: number;
}

/** A listener with a certificate, for tests of HTTP/2; merge it into a configuration. */
export function tlsListener(changes: ConfigObject = {}): {
  readonly listen: ConfigObject;
  readonly files: NonNullable<TestGatewayOptions['files']>;
  readonly authority: CertificateAuthority;
} {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue('gw', ['DNS:gw.test', 'DNS:localhost', 'IP:127.0.0.1']);
  return {
    listen: {
      public: { address: '127.0.0.1:0', tls: { cert: 'tls.pem', key: 'tls.key' }, ...changes },
      admin: '127.0.0.1:0',
      ops: '127.0.0.1:0',
    },
    files: { 'tls.pem': cert, 'tls.key': key },
    authority,
  };
}

/** Closed when the test is over. */
export async function connectHttp2(port: number, ca: string): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${port}`, { ca, servername: 'gw.test' });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  return session;
}

/** Sends one request whole, and reads its answer to the end. Fails if the stream is reset before. */
export async function ask(
  session: ClientHttp2Session,
  fields: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = session.request({ ':authority': 'gw.test', ...fields }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return readAnswer(stream);
}

export function readAnswer(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    let raw: readonly string[] = [];
    const chunks: Buffer[] = [];
    stream.on('response', (_headers, _flags, rawHeaders: readonly string[]) => {
      raw = rawHeaders;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (raw.length === 0) {
        reject(new Error(`reset without an answer: ${stream.rstCode}`));
        return;
      }
      const all = (name: string) => raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === name);
      resolve({
        status: Number(all(':status')[0]),
        all,
        field: (name) => all(name)[0],
        names: raw.filter((_, index) => index % 2 === 0),
        body: Buffer.concat(chunks),
        resetCode: stream.rstCode ?? 0,
      });
    });
  });
}
