/** A report in an old charset, an upload that is counted, a download of some megabytes. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answer, answerJson, refuse } from './answer.ts';
import { digestBody } from './body.ts';
import { type Call, type Route, wholeNumber } from './route.ts';
import type { Tenant } from './tenants.ts';

const BLOCK_BYTES = 64 * 1024;
const BLOCKS_PER_MB = 16;
const MAX_MB = 1024;

function showReport(call: Call, tenant: Tenant): void {
  const text = `Umsatzübersicht für ${tenant.id}\r\nGröße: 42 m², Prüfung: bestätigt, Straße: Königsallee 1\r\n`;
  answer(call.response, 200, 'text/plain; charset=iso-8859-1', Buffer.from(text, 'latin1'));
}

async function upload(call: Call): Promise<void> {
  answerJson(call.response, 200, JSON.stringify(await digestBody(call.request)));
}

/** Every block carries its number, so that a lost, doubled or swapped block changes the digest. */
function* blocks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) {
    const block = Buffer.alloc(BLOCK_BYTES, 'Gatehouse? Never heard of it. ');
    block.writeUInt32BE(index);
    yield block;
  }
}

/** The same bytes for the same size, always: 1 mb is 1,048,576 bytes. */
async function download(call: Call): Promise<void> {
  const { request, response, query } = call;
  const mb = wholeNumber(query, 'mb', 8, MAX_MB);
  if (mb === undefined) return refuse(response, 400, 4001, `mb must be a whole number up to ${MAX_MB}`);
  const etag = `"download-${mb}mb"`;
  response.setHeader('ETag', etag);
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  const blockCount = mb * BLOCKS_PER_MB;
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': blockCount * BLOCK_BYTES,
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(blocks(blockCount), { objectMode: false }), response);
}

export const FILE_ROUTES: readonly Route[] = [
  { kind: 'tenant', path: /^\/api\/report\.txt$/, handlers: { GET: showReport } },
  { kind: 'tenant', path: /^\/api\/upload$/, handlers: { POST: upload } },
  { kind: 'tenant', path: /^\/api\/download$/, handlers: { GET: download } },
];
