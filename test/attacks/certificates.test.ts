import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { connectHttp2, ask as ofHttp2, tlsListener } from '../support/http2-client.ts';
import { parseAnswer, type RawAnswer } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

/** Fields in which TLS terminators tell which certificate a client showed (RFC 9440 §2, and those of nginx, Envoy, Apache, Traefik, HAProxy, IIS). */
const CLAIMS: readonly string[] = [
  'Client-Cert: :AA==:',
  'Client-Cert-Chain: :AA==:',
  'client_cert: :AA==:',
  'X-Forwarded-Client-Cert: Hash=abc;Subject="CN=root"',
  'X_Forwarded_Client_Cert: Hash=abc',
  'X-Forwarded-Tls-Client-Cert: AA',
  'X-Forwarded-Tls-Client-Cert-Info: Subject="CN=root"',
  'X-Client-Cert: AA',
  'X-SSL-Cert: AA',
  'X-SSL-Client-Cert: AA',
  'X-SSL-Client-Verify: SUCCESS',
  'X-SSL-Client-S-DN: CN=root',
  'SSL-Client-Cert: AA',
  'SSL_CLIENT_VERIFY: SUCCESS',
  'SSL_CLIENT_S_DN: CN=root',
];

describe('M-1 a certificate that a client claims to have shown', () => {
  let attacked: AttackedGateway;
  beforeAll(async () => {
    attacked = await startAttackedGateway((config) => ({ ...config, trustedProxies: ['127.0.0.2/32'] }));
  });
  afterAll(() => attacked.close());
  beforeEach(() => attacked.forget());

  it.each(CLAIMS)('is no credential: %s', async (field) => {
    const answer = await attacked.gateway.raw(requestOf('GET /api/m1', [field], 'acme.gw.test'));
    await attacked.expectRefused(answer, 401, 'credential_missing');
  });

  it.each([
    ['/api/m1', true],
    ['/public/m1', false],
  ])('never reaches the upstream (%s), in any field that some server believes', async (path, hasKey) => {
    const key = hasKey ? [`X-API-Key: ${attacked.acme.key}`] : [];
    const plain = await attacked.expectForwarded(await attacked.gateway.raw(requestOf(`GET ${path}`, key)));
    const claimed = await attacked.expectForwarded(
      await attacked.gateway.raw(requestOf(`GET ${path}`, [...key, ...CLAIMS])),
    );
    const namesOf = ({ fields }: typeof plain) => fields.map(([name]) => name);
    expect(namesOf(claimed)).toEqual(namesOf(plain));
  });
});

describe('M-2 a file of authorities that is not what it should be', () => {
  const broken: readonly (readonly [string, string | undefined])[] = [
    ['missing', undefined],
    ['empty', ''],
    ['white space', '\n\n'],
    ['no PEM', 'certificate'],
    ['cut short', '-----BEGIN CERTIFICATE-----\nMIIB\n'],
    ['broken within', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n'],
  ];
  const uses: Readonly<Record<string, object>> = {
    'upstreams.open.tls.ca': {
      upstreams: { open: { targets: ['https://127.0.0.1:1'], tls: { ca: 'ca.pem' } } },
    },
    'issuers.login.tls.ca': {
      issuers: {
        login: {
          issuer: 'https://login.test',
          audience: 'api',
          keys: 'discover',
          tenant: { fixed: 'acme' },
          tls: { ca: 'ca.pem' },
        },
      },
    },
    'store.redis.tls.ca': { store: { redis: { url: 'rediss://127.0.0.1:1', tls: { ca: 'ca.pem' } } } },
    'listen.public.tls.cert': {
      listen: { public: { address: '127.0.0.1:0', tls: { cert: 'ca.pem', key: 'ca.pem' } } },
    },
  };

  it.each(Object.keys(uses).flatMap((path) => broken.map(([what, text]) => [path, what, text] as const)))(
    '%s: %s is refused at start-up, and the system authorities never stand in for it',
    async (path, _, text) => {
      const files = text === undefined ? {} : { 'ca.pem': text };
      const started = startAttackedGateway(
        (config) => ({
          ...config,
          ...uses[path],
          routes: [{ id: 'public', match: { path: '/public/**' }, public: true, upstream: 'open' }],
          upstreams: {
            open: { targets: ['https://127.0.0.1:1'] },
            ...(uses[path] as { upstreams?: object }).upstreams,
          },
        }),
        { files },
      );
      await expect(started).rejects.toThrow(path);
    },
  );
});

describe('M-3 an upstream whose certificate proves nothing', () => {
  const authority = createCertificateAuthority();
  const stranger = createCertificateAuthority();
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });
  const NAME = 'DNS:orders.internal';
  let open: readonly { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of open) await each.close();
    open = [];
  });

  async function behind(
    certificate: { readonly cert: string; readonly key: string },
    ca = authority.ca,
  ): Promise<{ readonly attacked: AttackedGateway; readonly secure: RawUpstream }> {
    const secure = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', {
      tls: { cert: certificate.cert, key: certificate.key },
    });
    const attacked = await startAttackedGateway(
      (config, origin) => ({
        ...config,
        upstreams: {
          open: { targets: [origin] },
          api: { targets: [secure.origin], tls: { ca: 'ca.pem', serverName: 'orders.internal' } },
        },
      }),
      { files: { 'ca.pem': ca } },
    );
    open = [attacked, secure];
    return { attacked, secure };
  }

  it.each([
    ['has expired', authority.issue('old', [NAME], { days: -1 })],
    ['is of another authority', stranger.issue('other', [NAME])],
    ['is signed by itself', authority.issue('self', [NAME], { isSelfSigned: true })],
    ['has the name as its CN only', authority.issue('orders.internal', [])],
    [
      'has the name as its CN, and another as the alternative',
      authority.issue('orders.internal', ['DNS:evil.test']),
    ],
    ['has a longer name', authority.issue('longer', ['DNS:orders.internal.evil.test'])],
    ['has a wildcard of the whole domain', authority.issue('wild', ['DNS:*'])],
    ['has an address in place of the name', authority.issue('address', ['IP:127.0.0.1'])],
  ])('(%s) gets no byte of the request', async (_, certificate) => {
    const { attacked, secure } = await behind(certificate);
    const answer = await askWithKey(attacked);
    expect(answer.status).toBe(502);
    expect(`${answer.head}${answer.body.toString()}`).not.toMatch(/certificate|issuer|tls|orders\.internal/i);
    expect(secure.requests).toEqual([]);
    expect(secure.connections.map(({ received }) => received.length)).toEqual(
      secure.connections.map(() => 0),
    );
    const record = await attacked.gateway.auditOf(answer);
    expect(record).toMatchObject({ decision: 'failed', code: 'upstream_unavailable', status: 502 });
    await attacked.expectAlive();
  });

  it('is told from one that proves its name', async () => {
    const { attacked, secure } = await behind(authority.issue('good', [NAME]));
    expect((await askWithKey(attacked)).status).toBe(200);
    expect(secure.requests.map(({ startLine }) => startLine)).toEqual(['GET /api/m3 HTTP/1.1']);
    await attacked.gateway.audited(({ code, path }) => code === 'admitted' && path === '/api/m3');
  });
});

describe('H10 the name that a client gave when it opened TLS', () => {
  const tls = tlsListener();
  let attacked: AttackedGateway;
  beforeAll(async () => {
    attacked = await startAttackedGateway((config) => ({ ...config, listen: tls.listen }), {
      files: tls.files,
    });
  });
  afterAll(async () => {
    await attacked.close();
    tls.authority.remove();
  });
  beforeEach(() => attacked.forget());

  async function askAs(servername: string, host: string, fields: readonly string[]): Promise<RawAnswer> {
    const socket = connectTls({
      port: attacked.gateway.port,
      host: '127.0.0.1',
      servername,
      rejectUnauthorized: false,
    });
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', () => undefined);
    socket.write(requestOf('GET /api/h10', fields, host));
    await new Promise((resolve) => socket.once('close', resolve));
    return parseAnswer(Buffer.concat(parts));
  }

  it('gives nobody a tenant: the key of another than that of Host is refused', async () => {
    const answer = await askAs('acme.gw.test', 'globex.gw.test', [`X-API-Key: ${attacked.acme.key}`]);
    await expectRefused(answer, 403, 'tenant_mismatch');
  });

  it('takes nobody theirs: Host and credential decide', async () => {
    const answer = await askAs('acme.gw.test', 'globex.gw.test', [`X-API-Key: ${attacked.globex.key}`]);
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    const forwarded = await attacked.upstream.request(0);
    expect(forwarded.all('x-tenant-id')).toEqual(['globex']);
    await attacked.gateway.audited(({ code, tenant }) => code === 'admitted' && tenant === 'globex');
  });

  it('stands for no credential, nor does a certificate that nobody asked for', async () => {
    await expectRefused(await askAs('acme.gw.test', 'acme.gw.test', []), 401, 'credential_missing');
  });

  it('does not carry over to other hosts of one HTTP/2 connection', async () => {
    const session = await connectHttp2(attacked.gateway.port, tls.authority.ca);
    const key = { 'x-api-key': attacked.acme.key };
    const own = await ofHttp2(session, { ':path': '/api/h10', ':authority': 'acme.gw.test', ...key });
    expect(own.status).toBe(200);
    attacked.forget();
    const other = await ofHttp2(session, { ':path': '/api/h10', ':authority': 'globex.gw.test', ...key });
    expect([other.status, JSON.parse(other.body.toString())]).toMatchObject([
      403,
      { code: 'tenant_mismatch' },
    ]);
    attacked.expectNothingSent();
    await attacked.gateway.audited(({ code }) => code === 'tenant_mismatch');
  });

  async function expectRefused(answer: RawAnswer, status: number, code: string): Promise<void> {
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code });
    expect(await attacked.gateway.auditOf(answer)).toMatchObject({ decision: 'denied', code, status });
    attacked.expectNothingSent();
    const alive = await askAs('gw.test', 'acme.gw.test', [`X-API-Key: ${attacked.acme.key}`]);
    expect(alive.status).toBe(200);
    attacked.forget();
  }
});

function askWithKey(attacked: AttackedGateway): Promise<RawAnswer> {
  return attacked.gateway.raw(requestOf('GET /api/m3', [`X-API-Key: ${attacked.acme.key}`]));
}
