import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCheck } from '../../src/cli/check.ts';
import { runSchema } from '../../src/cli/schema.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';

let folder: string;
let sound: string;
let faulty: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-check-'));
  sound = path.join(folder, 'sound.yaml');
  faulty = path.join(folder, 'faulty.yaml');
  const text = `upstreams:
  legacy:
    targets: ["http://localhost:3000"]
    credentials: { basic: { username: u, password: hunter2 } }
routes:
  - { id: a, match: { path: /** }, accept: [apiKey], upstream: legacy }
`;
  writeFileSync(sound, text);
  writeFileSync(faulty, text.replace('upstream: legacy', 'upstream: legcy'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recorder(isTTY: boolean) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof written) => ({
    isTTY,
    write: (text: string) => void (written[name] += text),
  });
  return { written, io: { env: {}, stdout: stream('stdout'), stderr: stream('stderr') } };
}

describe('gatehouse check', () => {
  test('a sound file: exit 0, one line on stdout, warnings on stderr, no colour in a pipe', () => {
    const { written, io } = recorder(false);
    expect(runCheck({ file: sound, output: 'text' }, io)).toBe(0);
    expect(written.stdout).toMatch(
      /^ok .*sound\.yaml \(routes 1, upstreams 1, tenants 0, revision [0-9a-f]{12}\)\n$/,
    );
    expect(written.stderr).toBe(
      `warning ${sound}:4:52 upstreams.legacy.credentials.basic.password: a secret written into the file: use \${env:NAME} or \${file:PATH}\n`,
    );
  });

  test('a faulty file: exit 1, each problem on stderr, nothing on stdout', () => {
    const { written, io } = recorder(false);
    expect(runCheck({ file: faulty, output: 'text' }, io)).toBe(1);
    expect(written).toEqual({
      stdout: '',
      stderr: `${faulty}:6:64 routes[0].upstream: found unknown upstream "legcy", did you mean "legacy"?\n1 problem\n`,
    });
  });

  test('colour on a terminal only', () => {
    const { written, io } = recorder(true);
    runCheck({ file: sound, output: 'text' }, io);
    expect(written.stdout).toContain('\u001B[32mok\u001B[0m');
  });

  test('as JSON: what a program needs, and no setting', () => {
    const good = recorder(true);
    expect(runCheck({ file: sound, output: 'json' }, good.io)).toBe(0);
    expect(JSON.parse(good.written.stdout)).toMatchObject({ ok: true, file: sound, files: [sound] });
    expect(good.written.stdout).not.toContain('hunter2');
    const bad = recorder(true);
    expect(runCheck({ file: faulty, output: 'json' }, bad.io)).toBe(1);
    expect(JSON.parse(bad.written.stdout)).toMatchObject({
      ok: false,
      problems: [{ line: 6, column: 64, path: 'routes[0].upstream', suggestion: 'legacy' }],
    });
    expect(bad.written.stderr).toBe('');
  });
});

test('gatehouse schema prints the JSON Schema', () => {
  const { written, io } = recorder(true);
  expect(runSchema(io)).toBe(0);
  expect(JSON.parse(written.stdout)).toEqual(configJsonSchema());
});
