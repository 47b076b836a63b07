/** Serves the pages of the web app. Any web server does: the gateway passes them on as a public route. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export interface WebApp {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const PUBLIC = path.join(import.meta.dirname, 'public');
const PREFIX = '/app/';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
};

/** Scripts and styles of our own files alone, requests to our own origin alone, no frames around us, no form that leaves by itself. */
const PAGE_FIELDS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

interface Page {
  readonly type: string;
  readonly bytes: Buffer;
}

/** By path. All of them are read at the start, so that no request names a file. */
function readPages(): ReadonlyMap<string, Page> {
  const pages = readdirSync(PUBLIC).map((name): readonly [string, Page] => {
    const page = { type: TYPES[path.extname(name)] ?? '', bytes: readFileSync(path.join(PUBLIC, name)) };
    return [name === 'index.html' ? PREFIX : `${PREFIX}${name}`, page];
  });
  return new Map(pages);
}

function answer(pages: ReadonlyMap<string, Page>, request: IncomingMessage, response: ServerResponse): void {
  const [target = ''] = (request.url ?? '').split('?');
  const page = pages.get(target);
  if (target === PREFIX.slice(0, -1)) response.writeHead(308, { Location: PREFIX }).end();
  else if (page === undefined) response.writeHead(404, PAGE_FIELDS).end();
  else response.writeHead(200, { ...PAGE_FIELDS, 'Content-Type': page.type }).end(page.bytes);
}

/** Port 0 takes a free one. Rejects when the port is taken. */
export async function startWebApp(options: {
  readonly port: number;
  /** Called for every request before it is answered. */
  readonly onReceived?: (request: IncomingMessage) => void;
}): Promise<WebApp> {
  const pages = readPages();
  const server = createServer((request, response) => {
    options.onReceived?.(request);
    answer(pages, request, response);
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return { url: `http://127.0.0.1:${address.port}`, close };
}
