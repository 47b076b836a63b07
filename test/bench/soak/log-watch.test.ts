import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLedger } from '../../../bench/soak/judge/ledger.ts';
import { faultIn, watchLog } from '../../../bench/soak/places/log-watch.ts';

function line(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ level: 'error', ...members });
}

test.each([
  [
    'a failed request of the upstream that fails',
    { msg: 'request failed', route: 'faults', code: 'upstream_timeout' },
  ],
  [
    'a configuration that is refused',
    { msg: 'the new configuration is refused; the old one goes on serving' },
  ],
])('%s is no fault', (_, members) => {
  expect(faultIn(line(members), false)).toBeUndefined();
});

test.each([
  ['a failed request of another route', { msg: 'request failed', route: 'steady', code: 'upstream_timeout' }],
  ['an operation of the store', { msg: 'audit records cannot be written' }],
])('%s is a fault, except while the store is away', (_, members) => {
  expect(faultIn(line(members), false)).toContain(members.msg);
  expect(faultIn(line(members), true)).toBeUndefined();
});

test.each([
  ['a fault of the gateway', { msg: 'request failed', route: 'steady', code: 'internal_error' }],
  ['a request that could not be handled', { msg: 'a request could not be handled' }],
  ['a fatal line', { level: 'fatal', msg: 'the end' }],
])('%s is a fault at any time', (_, members) => {
  expect(faultIn(line(members), true)).toContain(members.msg);
});

test('what a process writes to standard error, such as an unhandled rejection, is a fault; its greeting is none', () => {
  const ledger = createLedger(() => 0);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  watchLog({ stdout, stderr }, ledger, () => 0);
  stderr.write('gatehouse serves /etc/gatehouse.yaml (revision 1): public :1\n');
  stdout.write(`${line({ level: 'info', msg: 'request denied' })}\n`);
  expect(ledger.faults().size).toBe(0);
  stderr.write('[UnhandledPromise');
  stderr.write('Rejection: boom]\n');
  expect([...ledger.faults().keys()]).toEqual(['standard error: [UnhandledPromiseRejection: boom]']);
});
