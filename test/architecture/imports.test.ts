import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = path.resolve(import.meta.dirname, '../../src');

interface Import {
  /** Relative to src. */
  readonly from: string;
  readonly room: string;
  /** Relative to src, or the name of a package or node module. */
  readonly to: string;
  readonly toRoom: string | undefined;
  readonly isTypeOnly: boolean;
}

/** `import … from`, `export … from`, `import '…'` and `import('…')`, each with the word `type` where it has one. */
const IMPORT =
  /^(?:import|export)\s+(type\s)?[^;']*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

const files = globSync('**/*.ts', { cwd: SRC });
const imports: readonly Import[] = files.flatMap((from) =>
  [...readFileSync(path.join(SRC, from), 'utf8').matchAll(IMPORT)].map((match): Import => {
    const specifier = match[2] ?? match[3] ?? match[4] ?? '';
    const isOurs = specifier.startsWith('.');
    const to = isOurs ? path.join(path.dirname(from), specifier) : specifier;
    return {
      from,
      room: roomOf(from),
      to,
      toRoom: isOurs ? roomOf(to) : undefined,
      isTypeOnly: match[1] !== undefined,
    };
  }),
);

/** First folder; each store is a room of its own, and so is the entry. */
function roomOf(file: string): string {
  const store = /^stores\/(?:embedded|redis)(?=\/)/.exec(file);
  if (store !== null) return store[0];
  return file.includes('/') ? (file.split('/')[0] ?? '') : 'main';
}

/** What runs may only need what stands before it. Types are free to name what a later room hands in. */
const STOREYS: readonly (readonly string[])[] = [
  ['base'],
  [
    'http',
    'api-keys',
    'clients',
    'keys',
    'limits',
    'principals',
    'revocation',
    'authorization',
    'telemetry',
    'stores',
  ],
  ['sessions'],
  ['routing', 'credentials', 'audit', 'upstream', 'assertion', 'endpoints'],
  ['tenants'],
  ['config', 'stores/embedded', 'stores/redis'],
  ['authentication'],
  ['login'],
  ['token-service', 'session-endpoints'],
  ['gateway'],
  ['forward-auth'],
  ['admin'],
  ['serve'],
  ['cli'],
  ['main'],
];

/** Decide by values alone: no sockets, no files, no clock of the system, no package. */
const PURE = ['http', 'routing', 'credentials', 'principals', 'authorization'];

/** Packages and modules that only these files may use: each stands behind one door. */
const DOORS: Readonly<Record<string, RegExp>> = {
  'node:sqlite': /^stores\/embedded\//,
  ioredis: /^stores\/redis\//,
  undici: /^upstream\/|^authentication\/issuer-http\.ts$/,
  'prom-client': /^telemetry\//,
  yaml: /^config\//,
  zod: /^config\/|^admin\/schemas\//,
  commander: /^cli\//,
  fastify: /^admin\/|^telemetry\/ops-listener\.ts$|^serve\/gateway\.ts$/,
  '@grpc/grpc-js': /^forward-auth\//,
  '@grpc/proto-loader': /^forward-auth\/check-messages\.ts$/,
  'node:https': /^gateway\/(?:listener|http2-sessions)\.ts$/,
  'node:http2': /^gateway\/http2-/,
  'node:child_process': /^$/,
  'node:cluster': /^serve\/worker-processes\.ts$/,
  'node:vm': /^$/,
};

function storeyOf(room: string): number {
  return STOREYS.findIndex((rooms) => rooms.includes(room));
}

function tell({ from, to }: Import): string {
  return `${from} imports ${to}`;
}

describe('imports', () => {
  it('are found by this test at all', () => {
    expect(files.length).toBeGreaterThan(150);
    expect(imports.length).toBeGreaterThan(files.length);
    const missing = imports.filter(({ toRoom, to }) => toRoom !== undefined && !files.includes(to));
    expect(missing.map(tell)).toEqual([]);
  });

  it('come from rooms that all have a place', () => {
    expect([...new Set(imports.map(({ room }) => room))].filter((room) => storeyOf(room) === -1)).toEqual([]);
  });

  it('go one way: what runs needs only rooms of an earlier storey', () => {
    const upwards = imports.filter(
      ({ room, toRoom, isTypeOnly }) =>
        toRoom !== undefined && toRoom !== room && !isTypeOnly && storeyOf(toRoom) >= storeyOf(room),
    );
    expect(upwards.map(tell)).toEqual([]);
  });

  it('name nothing of gateway, admin, serve and cli from below, not even a type', () => {
    const top = storeyOf('gateway');
    const upwards = imports.filter(
      ({ room, toRoom }) =>
        toRoom !== undefined && storeyOf(toRoom) >= top && storeyOf(toRoom) > storeyOf(room),
    );
    expect(upwards.map(tell)).toEqual([]);
  });

  it('make no circle of files', () => {
    const values = new Map(files.map((file) => [file, new Set<string>()]));
    for (const { from, to, toRoom, isTypeOnly } of imports)
      if (toRoom !== undefined && !isTypeOnly) values.get(from)?.add(to);
    expect(findCircle(values)).toBeUndefined();
  });

  it.each(PURE)('of %s, which is pure, are neither modules of node nor packages nor stores', (room) => {
    const impure = imports.filter(
      (each) =>
        each.room === room &&
        (each.toRoom === undefined || storeyOf(each.toRoom) >= storeyOf('config')) &&
        !(each.isTypeOnly && each.toRoom === 'config'),
    );
    expect(imports.some((each) => each.room === room)).toBe(true);
    expect(impure.map(tell)).toEqual([]);
    expect(
      imports.filter((each) => each.room === room && each.toRoom?.startsWith('stores')).map(tell),
    ).toEqual([]);
  });

  it.each(Object.entries(DOORS))('of %s go through their door', (name, door) => {
    const users = imports.filter(({ to }) => to === name || to.startsWith(`${name}/`));
    expect(users.filter(({ from }) => !door.test(from)).map(tell)).toEqual([]);
  });

  it('reach a store from the composition root alone', () => {
    const users = imports.filter(
      ({ room, toRoom }) => toRoom?.startsWith('stores/') === true && toRoom !== room,
    );
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter(({ room }) => room !== 'serve').map(tell)).toEqual([]);
  });

  it('load nothing but the version check before an old Node has been refused', () => {
    const entry = readFileSync(path.join(SRC, 'main.ts'), 'utf8');
    expect(entry).not.toMatch(/^import\s/m);
    expect(entry.indexOf('process.versions')).toBeLessThan(entry.indexOf('import('));
  });
});

/** Names the files of one circle; `undefined` if there is none. */
function findCircle(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  function visit(file: string): readonly string[] | undefined {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(file);
    return undefined;
  }
  for (const file of graph.keys()) {
    const circle = visit(file);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
