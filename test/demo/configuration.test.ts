import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CONFIGURATION, demoEnvironment, writeConfiguration } from '../../demo/stage/configuration.ts';
import { USUAL_PORTS } from '../../demo/stage/ports.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem, formatWarning } from '../../src/config/problem.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the configuration of the demo is sound with the variables that the demo sets', () => {
  const result = loadConfig(CONFIGURATION, { env: demoEnvironment() });
  expect(result.ok ? result.warnings.map(formatWarning) : result.problems.map(formatProblem)).toEqual([]);
});

test('the copy has the other ports, even where they are the usual ones of another part', () => {
  const file = path.join(folder, 'gatehouse.yaml');
  writeConfiguration(file, {
    gateway: 8081,
    admin: 8080,
    ops: 4000,
    legacy: 9464,
    issuer: 3080,
    pages: 3000,
  });
  const result = loadConfig(file, { env: demoEnvironment() });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  const { listen, upstreams, issuers, publicUrl } = result.settings;
  expect([listen.public.address, listen.admin, listen.ops]).toMatchObject([
    { port: 8081 },
    { port: 8080 },
    { port: 4000 },
  ]);
  expect(publicUrl).toBe('http://127.0.0.1:8081');
  expect(upstreams['legacy']?.targets).toEqual(['http://127.0.0.1:9464']);
  expect(upstreams['pages']?.targets).toEqual(['http://127.0.0.1:3000']);
  expect(issuers['login']?.issuer).toBe('http://127.0.0.1:3080');
});

test('with the usual ports the copy is the file itself', () => {
  const file = path.join(folder, 'same.yaml');
  writeConfiguration(file, USUAL_PORTS);
  expect(readFileSync(file, 'utf8')).toBe(readFileSync(CONFIGURATION, 'utf8'));
});
