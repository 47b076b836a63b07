import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generateApiKey } from '../../src/api-keys/api-key-format.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The lines that `write` logs at trace level. */
function lines(write: (log: Log) => void): readonly Readonly<Record<string, unknown>>[] {
  const destination = path.join(folder, 'log');
  const { log, flush } = createLog({ level: 'trace', destination });
  write(log);
  flush();
  return readFileSync(destination, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const SECRETS = {
  issued: generateApiKey().key,
  admin: `gho_${'a1B2c'.repeat(9)}`,
  jwt: 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2xvZ2luIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4',
};

test('a line has a time in UTC, its level in words, and no host name', () => {
  const [line] = lines((log) => log.warn({ tenant: 'acme' }, 'hello'));
  expect(line).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    tenant: 'acme',
    msg: 'hello',
  });
});

test('members that hold credentials are redacted, at the top and in logged header fields', () => {
  const secret = 'any-shape-of-secret';
  const [line] = lines((log) =>
    log.info(
      {
        authorization: secret,
        password: secret,
        headers: { Authorization: secret, cookie: secret, 'X-API-Key': secret, accept: '*/*' },
        list: [{ token: secret }],
        upstream: { headers: { 'set-cookie': secret, 'proxy-authorization': secret } },
      },
      'request',
    ),
  );
  expect(JSON.stringify(line)).not.toContain(secret);
  expect(line).toMatchObject({ headers: { accept: '*/*', cookie: '[redacted]' } });
});

test.each(Object.entries(SECRETS))(
  'what looks like a credential (%s) is cut from any text',
  (_name, secret) => {
    const [line] = lines((log) =>
      log.error(
        { err: new Error(`bad ${secret} here`, { cause: new Error(secret) }), note: [secret] },
        `got ${secret}!`,
      ),
    );
    expect(JSON.stringify(line)).not.toContain(secret);
    expect(line).toMatchObject({ msg: 'got [redacted]!', err: { message: 'bad [redacted] here' } });
  },
);

test('what follows an authentication scheme is cut, whatever its shape', () => {
  const [line] = lines((log) =>
    log.info('sent Authorization: Basic dXNlcjpwYXNzd29yZA== and ApiKey legacy-0815'),
  );
  expect(line?.['msg']).toBe('sent Authorization: Basic [redacted] and ApiKey [redacted]');
});

test('ids that are safe to read out stay readable', () => {
  const [line] = lines((log) =>
    log.info({ credential: 'key:8K2M9QXT', subject: 'user:acme-login:4711' }, 'ok'),
  );
  expect(line).toMatchObject({ credential: 'key:8K2M9QXT', subject: 'user:acme-login:4711' });
});

test('queries are never logged, and of a request its method and path alone', () => {
  const request = Object.assign(new IncomingMessage(new Socket()), {
    method: 'GET',
    url: '/a/b?code=s3cr3t',
  });
  request.headers['x-legacy'] = 's3cr3t';
  const [line] = lines((log) => log.info({ req: request, url: '/x?y=s3cr3t', path: '/z#s3cr3t' }, 'request'));
  expect(line).toMatchObject({ req: { method: 'GET', path: '/a/b' }, url: '/x', path: '/z' });
  expect(JSON.stringify(line)).not.toContain('s3cr3t');
});

test('of an error its named members alone are logged, and a cycle of causes ends', () => {
  const error = Object.assign(new Error('refused'), {
    code: 'ECONNREFUSED',
    request: { headers: ['s3cr3t'] },
  });
  error.cause = error;
  const [line] = lines((log) => log.error({ err: error }, 'failed'));
  expect(line).toMatchObject({ err: { type: 'Error', message: 'refused', code: 'ECONNREFUSED' } });
  expect(JSON.stringify(line)).not.toContain('s3cr3t');
});

test('a hundred kilobytes of near-credentials do not hold up the process', () => {
  const started = process.cpuUsage();
  lines((log) => {
    for (const text of ['eyJ', 'gha_', 'Bearer ', 'eyJaaaaaaaa.', 'a.'])
      log.info(text.repeat(100_000 / text.length));
  });
  expect(process.cpuUsage(started).user).toBeLessThan(2_000_000);
});

test('a line costs tens of microseconds at most, redaction included', () => {
  const { log } = createLog({ level: 'info', destination: '/dev/null' });
  const members = {
    decisionId: '236d2x3gjeo000000',
    route: 'orders',
    tenant: 'acme',
    headers: { accept: '*/*' },
  };
  const count = 20_000;
  const started = process.cpuUsage();
  for (let line = 0; line < count; line += 1) log.info(members, 'request');
  expect(process.cpuUsage(started).user / count).toBeLessThan(60);
});

test('lines that are still buffered are written when the process ends', () => {
  const script = `
    import { createLog } from ${JSON.stringify(path.resolve('src/telemetry/log.ts'))};
    const { log } = createLog({ level: 'info' });
    log.info('last words');
    process.exit(3);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(status).toBe(3);
  expect(stdout).toContain('"msg":"last words"');
});

test('a destination that cannot be opened stops the start', () => {
  expect(() => createLog({ level: 'info', destination: path.join(folder, 'no', 'log') })).toThrow('ENOENT');
});
