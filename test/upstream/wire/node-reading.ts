import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import type { ReadAnswer } from './read-answer.ts';

/** Node's own client, whose parser is llhttp, over a real connection. */
export interface NodeReading {
  read(answer: Buffer, method?: string): Promise<ReadAnswer>;
  close(): Promise<void>;
}

export async function openNodeReading(): Promise<NodeReading> {
  let bytes: Buffer = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    read(answer, method = 'GET') {
      bytes = answer;
      return readWithNode(port, method, answer.length);
    },
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}

function readWithNode(port: number, method: string, answerLength: number): Promise<ReadAnswer> {
  return new Promise((resolve) => {
    const interim: [number, readonly string[]][] = [];
    const request = http.request({ port, host: '127.0.0.1', method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve({ kind: 'refused' }));
      response.on('close', () => {
        if (!response.complete) return resolve({ kind: 'unfinished' });
        return resolve({
          kind: 'whole',
          interim,
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          fields: response.rawHeaders,
          body: Buffer.concat(chunks).toString('latin1'),
          length: answerLength,
          isReusable: false,
        });
      });
    });
    request.on('information', ({ statusCode, rawHeaders }) => interim.push([statusCode, rawHeaders]));
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: error.code === 'ECONNRESET' ? 'unfinished' : 'refused' }),
    );
    request.end();
  });
}
