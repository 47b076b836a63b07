import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../scripts/packages.ts';

const root = path.resolve(import.meta.dirname, '../..');
const unit = readFileSync(path.join(root, 'deploy/gatehouse.service'), 'utf8');
const analyze = findProgram('systemd-analyze');

/** Values of a key, in their order. */
function valuesOf(key: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

test.each([
  ['DynamicUser', ['yes']],
  ['StateDirectory', ['gatehouse']],
  ['StateDirectoryMode', ['0700']],
  ['WorkingDirectory', ['%S/gatehouse']],
  ['ProtectSystem', ['strict']],
  ['ProtectHome', ['yes']],
  ['CapabilityBoundingSet', ['']],
  ['NoNewPrivileges', ['yes']],
  ['PrivateDevices', ['yes']],
  ['RestrictAddressFamilies', ['AF_INET AF_INET6 AF_UNIX']],
  ['SystemCallFilter', ['@system-service', '~@privileged @resources']],
  ['UMask', ['0077']],
  ['Restart', ['on-failure']],
])('%s is %j', (key, values) => {
  expect(valuesOf(key)).toEqual(values);
});

test('it is checked before it starts, and a reload is the signal that reloads', () => {
  const [check = ''] = valuesOf('ExecStartPre');
  const [start = ''] = valuesOf('ExecStart');
  expect(check).toMatch(/^\/usr\/bin\/node \/opt\/gatehouse\/dist\/main\.js check (\S+)$/);
  expect(start).toBe(
    '/usr/bin/node /opt/gatehouse/dist/main.js serve --config /etc/gatehouse/gatehouse.yaml',
  );
  expect(check.endsWith(' /etc/gatehouse/gatehouse.yaml')).toBe(true);
  expect(valuesOf('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
});

describe.skipIf(analyze === undefined)(
  `by systemd-analyze${analyze === undefined ? ', which is not installed' : ''}`,
  () => {
    let folder: string;
    let file: string;
    beforeAll(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-unit-'));
      file = path.join(folder, 'gatehouse.service');
      // What it runs has to be there.
      writeFileSync(
        file,
        unit.replaceAll('/usr/bin/node', process.execPath).replace(/^Documentation=.*\n/m, ''),
      );
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    function run(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
      const { status, stdout, stderr } = spawnSync(analyze ?? '', [...args, file], {
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' },
      });
      return { status, output: stdout + stderr };
    }

    test('every key is known, and has a value that it takes', () => {
      expect(run('verify')).toEqual({ status: 0, output: '' });
    });

    test('its exposure is at most 1.5 of 10', () => {
      const { status, output } = run('security', '--offline=true', '--no-pager', '--threshold=15');
      expect({ status, output }).toEqual({
        status: 0,
        output: expect.stringContaining('Overall exposure level'),
      });
    });
  },
);
