import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { ACME, sha256, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

test('the report is Latin-1 bytes, not UTF-8', async () => {
  const response = await api.call('/api/report.txt', { headers: ACME });
  expect(response.headers.get('content-type')).toBe('text/plain; charset=iso-8859-1');
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes.toString('latin1')).toMatch(/^Umsatzübersicht für acme\r\n/);
  expect(bytes.toString('utf8')).toContain('\uFFFD');
});

test('an upload is counted and digested as it was sent', async () => {
  const body = randomBytes(3_000_001);
  const response = await api.call('/api/upload', { method: 'POST', headers: ACME, body });
  expect(await response.json()).toEqual({ bytes: 3_000_001, sha256: sha256(body) });
});

test('a download has its length, a tag and the same bytes every time', async () => {
  const first = await api.call('/api/download?mb=2', { headers: ACME });
  expect(first.headers.get('content-length')).toBe('2097152');
  const bytes = new Uint8Array(await first.arrayBuffer());
  expect(bytes.byteLength).toBe(2_097_152);
  const second = await api.call('/api/download?mb=2', { headers: ACME });
  expect(sha256(new Uint8Array(await second.arrayBuffer()))).toBe(sha256(bytes));
  const tag = first.headers.get('etag') ?? '';
  const unchanged = await api.call('/api/download?mb=2', { headers: { ...ACME, 'if-none-match': tag } });
  expect([unchanged.status, await unchanged.text()]).toEqual([304, '']);
  const other = await api.call('/api/download?mb=1', { headers: { ...ACME, 'if-none-match': tag } });
  expect(other.status).toBe(200);
  await other.body?.cancel();
});

test('a download that nobody reads is not produced', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const request = httpRequest(`${api.url()}/api/download?mb=512`, { headers: ACME });
  request.end();
  const [response] = await once(request, 'response');
  response.pause();
  for (let round = 0; round < 20; round += 1) await api.textOf('/status');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  request.destroy();
});
