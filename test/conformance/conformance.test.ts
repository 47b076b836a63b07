import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningProxy } from '../support/proxy-process.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { redisMissing } from '../support/redis.ts';
import { wire } from '../support/wire.ts';
import { CREDENTIAL_ROWS } from './credential-rows.ts';
import { FIELD_ROWS } from './field-rows.ts';
import type { ModeName } from './mode-names.ts';
import { findModes, type Mode } from './modes.ts';
import { type Observed, observe } from './observe.ts';
import { OUTAGE_ROWS } from './outage-rows.ts';
import { PATH_ROWS } from './path-rows.ts';
import { BY_NOBODY, type Row } from './row.ts';
import { type ConformanceScene, openConformanceScene } from './scene.ts';
import { TENANT_ROWS } from './tenant-rows.ts';

const modes = redisMissing === undefined ? findModes() : undefined;
const running = new Map<ModeName, Pick<RunningProxy, 'port' | 'stop'>>();
let scene: ConformanceScene;
let isOpen = false;

beforeAll(async () => {
  if (modes === undefined) return;
  scene = await openConformanceScene();
  isOpen = true;
  const started = modes.all.filter(({ missing }) => missing === undefined);
  // All of them, also when one fails, so that none is left behind.
  const starts = started.map(async (mode) => running.set(mode.name, await mode.start(scene)));
  for (const start of await Promise.allSettled(starts)) if (start.status === 'rejected') throw start.reason;
});
afterAll(async () => {
  await Promise.all([...running.values()].map((proxy) => proxy.stop()));
  modes?.remove();
  if (isOpen) await scene.stop();
});

/** What has to be seen of a row in a mode. */
function expected(row: Row, mode: ModeName): Observed {
  const exception = row.except?.[mode];
  const decision = exception?.decision ?? row.decision;
  const isForwarded = decision === '200' && exception?.isAnsweredByItself !== true;
  if (!isForwarded) return { decision };
  const told = exception?.told ?? row.told;
  if (told === undefined) throw new Error(`${row.title}: what is the upstream told?`);
  return { decision, line: exception?.line ?? row.line, ...told, isSigned: true };
}

async function expectRow(row: Row, mode: ModeName): Promise<void> {
  const port = running.get(mode)?.port ?? 0;
  expect(await observe(row, port, mode, scene)).toEqual(expected(row, mode));
}

function suite(title: string, rows: readonly Row[], before: () => void): void {
  describe.each((modes?.all ?? []).map((mode: Mode) => [mode.name, mode.missing] as const))(
    `${title} %s`,
    (name, missing) => {
      beforeAll(before);
      it.skipIf(missing).each(rows.map((row) => [row.title, row] as const))(
        `%s${missing === undefined ? '' : ` (SKIPPED: ${missing})`}`,
        (_, row) => expectRow(row, name),
      );
    },
  );
}

describe.skipIf(redisMissing)(`the same decision and the same fields ${redisMissing ?? ''}`, () => {
  suite('with credentials by', CREDENTIAL_ROWS, () => undefined);
  suite('with sources of the tenant by', TENANT_ROWS, () => undefined);
  suite('with fields and methods by', FIELD_ROWS, () => undefined);
  suite('with odd targets by', PATH_ROWS, () => undefined);
  describe.each((modes?.all ?? []).map((mode: Mode) => [mode.name, mode.missing] as const))(
    'with a rate limit by %s',
    (name, missing) => {
      it.skipIf(missing)('the second of the two requests that may come once an hour is refused', async () => {
        const line = `GET /rare/${name}`;
        const port = running.get(name)?.port ?? 0;
        const row = { title: 'rare', line, decision: '200', told: BY_NOBODY };
        expect(await observe(row, port, name, scene)).toEqual(expected(row, name));
        expect(await observe(row, port, name, scene)).toEqual({ decision: '429 rate_limited' });
        if (name === 'http2') return;
        const again = await exchangeRaw(port, wire(line, [], { host: 'acme.gw.test' }));
        expect([again.status, again.field('retry-after')]).toEqual([429, '3600']);
      });
    },
  );
  suite('without the store by', OUTAGE_ROWS, () => scene.loseStore());
});

it('the table has at least 80 requests, each under a name of its own', () => {
  const titles = [...CREDENTIAL_ROWS, ...TENANT_ROWS, ...FIELD_ROWS, ...PATH_ROWS, ...OUTAGE_ROWS].map(
    ({ title }) => title,
  );
  expect(titles.length).toBeGreaterThanOrEqual(80);
  expect(new Set(titles).size).toBe(titles.length);
});
