import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';

/** What a client saw of an answer. */
export interface SeenAnswer {
  /** Undefined: not even a head. */
  readonly status: number | undefined;
  /** Names in lower case. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** It came to the end that its framing gives it. */
  readonly isWhole: boolean;
}

/** How a request is sent: without a body, with one of known length at once, or in pieces. */
export type SentBody = 'none' | 'sized' | 'streamed';

export type Ask = (method: string, path: string, body: SentBody) => Promise<SeenAnswer>;

interface Writable {
  write(text: string): unknown;
  end(text?: string): unknown;
}

const LENGTH = 20_000;

function sendBody(to: Writable, body: SentBody): void {
  if (body === 'none') to.end();
  else if (body === 'sized') to.end('x'.repeat(LENGTH));
  else {
    to.write('x'.repeat(LENGTH / 2));
    setTimeout(() => to.end('x'.repeat(LENGTH / 2)), 10);
  }
}

/** Over TLS, on a connection of its own. */
export function askHttp1(port: number): Ask {
  return (method, path, body) =>
    new Promise((resolve) => {
      const headers = {
        host: 'gw.test',
        connection: 'close',
        ...(body === 'sized' && { 'content-length': LENGTH }),
        ...(body === 'streamed' && { 'transfer-encoding': 'chunked' }),
      };
      const request = https.request({
        port,
        host: '127.0.0.1',
        method,
        path,
        headers,
        rejectUnauthorized: false,
        agent: false,
      });
      request.on('error', () => resolve({ status: undefined, fields: {}, body: '', isWhole: false }));
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', () => undefined);
        response.on('close', () =>
          resolve({
            status: response.statusCode,
            fields: response.headers,
            body: text,
            isWhole: response.complete,
          }),
        );
      });
      sendBody(request, body);
    });
}

/** On a stream of this session. */
export function askHttp2(session: ClientHttp2Session): Ask {
  return (method, path, body) =>
    new Promise((resolve) => {
      const stream = session.request(
        {
          ':method': method,
          ':path': path,
          ':authority': 'gw.test',
          ...(body === 'sized' && { 'content-length': LENGTH }),
        },
        { endStream: body === 'none' },
      );
      let text = '';
      let status: number | undefined;
      let fields: Readonly<Record<string, unknown>> = {};
      let hasEnded = false;
      stream.setEncoding('latin1');
      stream.on('response', (headers) => {
        status = headers[':status'];
        fields = headers;
      });
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
      stream.on('end', () => {
        hasEnded = true;
      });
      stream.on('error', () => undefined);
      stream.on('close', () =>
        resolve({ status, fields, body: text, isWhole: hasEnded && stream.rstCode === 0 }),
      );
      if (body !== 'none') sendBody(stream, body);
    });
}
