/** What passes, unchanged and unbuffered, with the right key. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Stage } from '../stage/stage.ts';
import {
  answers,
  arrivesWith,
  bodyHas,
  bodyIsThatOf,
  prints,
  refuses,
  sha256,
  showsEarly,
} from './checks.ts';
import type { Chapter, DemoLine, DemoRequest } from './demo-line.ts';

const UPLOAD_BYTES = 3 * 1024 * 1024;
const ORDER = '{"sku": "Mutter M8", "reference": 9223372036854775807}';
const DOWNLOAD = '/api/download?mb=4';

export async function trafficChapter({ credentials, env, folder, ports }: Stage): Promise<Chapter> {
  const legacyApi = `http://127.0.0.1:${ports.legacy}`;
  const upload = path.join(folder, 'upload.bin');
  const bytes = randomBytes(UPLOAD_BYTES);
  writeFileSync(upload, bytes);
  const direct = await fetch(legacyApi + DOWNLOAD, { headers: { 'x-api-key': env.ACME_LEGACY_KEY } });
  const downloadDigest = sha256(Buffer.from(await direct.arrayBuffer()));

  function line(
    title: string,
    request: Partial<DemoRequest> & Pick<DemoRequest, 'path'>,
    expected: string,
    checks: DemoLine['checks'],
  ): DemoLine {
    const fields = [['X-API-Key', credentials.acmeKey] as const, ...(request.fields ?? [])];
    const whole: DemoRequest = { method: 'GET', host: 'acme.localhost', shows: 'answer', ...request, fields };
    const arrives = arrivesWith({ 'X-Tenant-Id': 'acme' });
    return { title, command: { kind: 'request', request: whole }, expected, checks: [...checks, arrives] };
  }

  return {
    title: 'What passes',
    lines: [
      line('64-bit order ids', { path: '/api/orders' }, '200, byte for byte what the legacy API says', [
        answers(200),
        bodyIsThatOf(`${legacyApi}/api/orders`, env.ACME_LEGACY_KEY),
      ]),
      line(
        'an order placed',
        {
          path: '/api/orders',
          method: 'POST',
          fields: [['Content-Type', 'application/json']],
          body: { kind: 'text', text: ORDER },
        },
        '201; 9223372036854775807 and the spaces come back as they went',
        [answers(201), bodyHas(ORDER)],
      ),
      line('text in Latin-1', { path: '/api/report.txt' }, '200, byte for byte, charset and all', [
        answers(200),
        bodyIsThatOf(`${legacyApi}/api/report.txt`, env.ACME_LEGACY_KEY),
      ]),
      line('a download of 4 MB', { path: DOWNLOAD, shows: 'digest' }, downloadDigest, [
        prints(new RegExp(`^${downloadDigest} `)),
      ]),
      line(
        'an upload of 3 MB',
        {
          path: '/api/upload',
          method: 'POST',
          fields: [['Content-Type', 'application/octet-stream']],
          body: { kind: 'file', file: upload },
        },
        `200; the legacy API counted ${UPLOAD_BYTES} bytes, SHA-256 ${sha256(bytes).slice(0, 12)}…`,
        [answers(200), bodyHas(`{"bytes":${UPLOAD_BYTES},"sha256":"${sha256(bytes)}"}`)],
      ),
      line(
        'server-sent events',
        { path: '/api/events?count=3', shows: 'stream' },
        '200; the first of three arrives one second before the end',
        [answers(200), bodyHas('"n":3'), showsEarly('"n":1', 400)],
      ),
      line('a slow answer', { path: '/api/slow?ms=300' }, '200 after 300 ms', [answers(200), bodyHas('300')]),
      line(
        'a too slow answer',
        { path: '/api/slow?ms=5000' },
        '504 upstream_timeout after about two seconds',
        [refuses(504, 'upstream_timeout')],
      ),
      line('a failure of the legacy API', { path: '/api/fail' }, '500 and its page of HTML, as it is', [
        answers(500),
        bodyHas('Object reference not set'),
      ]),
    ],
  };
}
