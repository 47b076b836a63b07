import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/authentication.ts';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
} from '../support/certificates.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let authority: CertificateAuthority;
let first: Certificate;
let second: Certificate;
let upstream: RawUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  authority = createCertificateAuthority();
  first = authority.issue('first', ['DNS:gw.test']);
  second = authority.issue('second', ['DNS:gw.test']);
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  gateway = await startTestGateway(
    {
      listen: {
        public: { address: '127.0.0.1:0', tls: { cert: 'tls.pem', key: 'tls.key' } },
        admin: '127.0.0.1:0',
        ops: '127.0.0.1:0',
      },
      upstreams: { api: { targets: [upstream.origin] } },
      routes: [{ id: 'all', match: { path: '/**' }, public: true, upstream: 'api' }],
    },
    { files: { 'tls.pem': first.cert, 'tls.key': first.key } },
  );
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
  authority.remove();
});
beforeEach(async () => {
  put(first);
  await gateway.gateway.reload();
  await eventually(async () => (await nameShown()) === 'first', 'the first certificate');
});

/** Each file is replaced at once, as an agent that renews certificates does. */
function put({ cert, key }: { readonly cert: string; readonly key: string }): void {
  for (const [name, text] of [
    ['tls.pem', cert],
    ['tls.key', key],
  ] as const) {
    const file = path.join(gateway.folder, name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}

async function open(): Promise<TLSSocket> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1', servername: 'gw.test', ca: authority.ca });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function nameShown(): Promise<string> {
  const socket = await open();
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** One request on an open connection, which stays open. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n');
  let answer = '';
  while (!answer.endsWith('\r\n\r\nok')) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    answer += bytes.toString('latin1');
  }
  return answer.slice(0, answer.indexOf('\r\n'));
}

describe('the public listener with a certificate', () => {
  it('speaks TLS only, and tells the upstream that the client came by https', async () => {
    const socket = await open();
    expect(socket.authorized).toBe(true);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
    expect(upstream.requests.at(-1)?.all('x-forwarded-proto')).toEqual(['https']);
    socket.destroy();
    await expect(exchangeRaw(gateway.port, 'GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n')).rejects.toThrow(
      'no answer',
    );
  });

  it('refuses TLS 1.1', async () => {
    const socket = connect({
      port: gateway.port,
      host: '127.0.0.1',
      servername: 'gw.test',
      ca: authority.ca,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version|unsupported protocol/i);
  });

  it('takes up a renewed certificate by itself, and drops no connection for it', async () => {
    const kept = await open();
    expect(await ask(kept)).toBe('HTTP/1.1 200 OK');
    const revision = gateway.gateway.revision();
    put(second);
    await eventually(async () => (await nameShown()) === 'second', 'the second certificate');
    expect(gateway.gateway.revision()).not.toBe(revision);
    expect(await ask(kept)).toBe('HTTP/1.1 200 OK');
    expect(kept.getPeerCertificate().subject.CN).toBe('first');
    kept.destroy();
  });

  it.each([
    ['a key of another certificate', () => ({ cert: second.cert, key: first.key })],
    ['a certificate that is none', () => ({ cert: 'no certificate', key: first.key })],
    ['a key that is none', () => ({ cert: first.cert, key: 'no key' })],
  ])('refuses %s and goes on with the old pair', async (_, pair) => {
    const kept = await open();
    put(pair());
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'refused' });
    expect(await nameShown()).toBe('first');
    expect(await ask(kept)).toBe('HTTP/1.1 200 OK');
    kept.destroy();
    const ready = await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/readyz?verbose`);
    expect(await ready.text()).toContain('[-]configuration');
    // Of a key file nothing may be told, whatever is in it.
    expect(gateway.log()).not.toContain(readFileSync(first.keyPath, 'utf8').split('\n')[1]);
    expect(gateway.log()).not.toContain('no key\n');
  });
});
