import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
let key: string;
let answered: string;

beforeAll(async () => {
  upstream = await startRawUpstream((socket) => void socket.write(answered, 'latin1'));
  gateway = await startTestGateway({
    tenants: { acme: {} },
    apiKeys: { header: 'X-Access-Key' },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [
      { id: 'public', match: { path: '/public' }, public: true, upstream: 'api' },
      { id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' },
    ],
  });
  ({ key } = await gateway.issueKey('acme'));
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});
beforeEach(() => {
  upstream.requests.length = 0;
  answered = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
});

afterEach(async () => {
  expect((await gateway.raw(get('/public'))).status).toBe(200);
});

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nX-Access-Key: ${key}\r\n\r\n`;
}

describe('R07 a shared cache in front of the gateway', () => {
  it('R07 private: may not give one key holder the answer to another, when the upstream says nothing of caches', async () => {
    const answer = await gateway.raw(get('/api'));
    expect(answer.all('vary')).toEqual(['Authorization, X-Access-Key']);
    expect(answer.all('cache-control')).toEqual(['private']);
    await gateway.audited(({ code, path }) => code === 'admitted' && path === '/api');
  });

  it('R07 public: must tell keys apart even where the upstream lets everybody store its answer', async () => {
    answered =
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: public, max-age=60\r\nVary: Accept\r\n\r\nok';
    const answer = await gateway.raw(get('/api'));
    expect(answer.all('vary')).toEqual(['Accept', 'Authorization, X-Access-Key']);
    expect(answer.all('cache-control')).toEqual(['public, max-age=60']);
  });

  it('R07 nobody: is told nothing on a public route, where the answer is the same for all', async () => {
    const answer = await gateway.raw(get('/public'));
    expect(answer.status).toBe(200);
    expect(answer.field('vary')).toBeUndefined();
    expect(answer.field('cache-control')).toBeUndefined();
  });

  it('R07 refusals: may not be stored at all', async () => {
    const answer = await gateway.raw(get('/api').replace(key, 'wrong'));
    expect(answer.status).toBe(401);
    expect(answer.field('cache-control')).toBe('no-store');
    expect(await gateway.auditOf(answer)).toMatchObject({ decision: 'denied', code: 'credential_invalid' });
    expect(upstream.requests).toEqual([]);
  });
});
