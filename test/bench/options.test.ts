import { expect, test } from 'vitest';
import { type MeasureOptions, parseOptions } from '../../bench/options.ts';
import { SUITES, TARGETS, TARGETS_PER_SUITE } from '../../bench/targets/table.ts';

function optionsOf(...args: readonly string[]): MeasureOptions {
  const options = parseOptions(args);
  if (options === 'help' || options.kind !== 'measure') throw new Error('not expected');
  return options;
}

function targetNames(options: MeasureOptions): string[][] {
  return options.suites.map(({ targets }) => targets.map(({ name }) => name));
}

test('without arguments the proxy suite runs, for people', () => {
  const options = optionsOf();
  expect(options.output).toBe('table');
  expect(options.suites.map(({ name }) => name)).toEqual(['proxy']);
  expect(targetNames(options)).toEqual([SUITES['proxy']]);
});

test('options narrow the targets, the time and the rate', () => {
  const options = optionsOf(
    'mounts',
    '--targets',
    'bare,fastify-route',
    '--seconds',
    '7',
    '--rate',
    '500',
    '--output',
    'json',
  );
  expect(targetNames(options)).toEqual([['bare', 'fastify-route']]);
  expect(options).toMatchObject({ output: 'json', plan: { closedLoopSeconds: 7, ratePerSecond: 500 } });
});

test('--quick measures less, but with the same windows and connections', () => {
  const full = optionsOf().plan;
  const quick = optionsOf('--quick').plan;
  expect(quick.closedLoopSeconds).toBeLessThan(full.closedLoopSeconds);
  expect(quick).toMatchObject({ windowMs: full.windowMs, connections: full.connections });
});

test('--cpu-prof profiles one target instead of measuring', () => {
  expect(parseOptions(['--cpu-prof', 'profiles', '--targets', 'bare', '--seconds', '3'])).toMatchObject({
    kind: 'profile',
    target: { name: 'bare' },
    seconds: 3,
    folder: 'profiles',
  });
});

test('an experiment runs alone, and --count says how many', () => {
  expect(parseOptions(['revocation'])).toMatchObject({
    kind: 'experiment',
    experiment: { name: 'revocation' },
    output: 'table',
    plan: { count: 500 },
  });
  expect(parseOptions(['scale', '--count', '1000000', '--output', 'json'])).toMatchObject({
    experiment: { name: 'scale' },
    output: 'json',
    plan: { count: 1_000_000 },
  });
});

test('--peers measures groups of whole paths, or some of their paths, and can write a section of documentation', () => {
  const options = parseOptions(['--peers', '--targets', 'bare,oathkeeper-jwt', '--output', 'markdown']);
  expect(options).toMatchObject({ kind: 'peers', only: ['bare', 'oathkeeper-jwt'], output: 'markdown' });
  const [full, quick] = [parseOptions(['--peers']), parseOptions(['--peers', '--quick', '--seconds', '1'])];
  expect(full).toMatchObject({ kind: 'peers', only: undefined, plan: { idleConnections: 10_000 } });
  expect(quick).toMatchObject({ plan: { getSeconds: 1, connections: 64, windowMs: 50 } });
});

test.each([
  [['--peers', 'proxy'], '--peers: found suite proxy, expected none'],
  [['--peers', '--targets', 'nosuch'], '--peers: found target nosuch, expected one of bare'],
  [['--peers', '--output', 'xml'], '--output: found xml, expected table, json or markdown'],
  [['--output', 'markdown'], '--output: found markdown, expected table or json'],
  [['proxy', 'revocation'], 'found suite revocation'],
  [['scale', '--count', '0'], '--count: found 0'],
  [['proxy', '--count', '5'], '--count: only experiments count'],
  [['nosuch'], 'found suite nosuch, expected one of proxy'],
  [['constructor'], 'found suite constructor'],
  [['--targets', 'nosuch'], 'found target nosuch, expected one of bare'],
  [['mounts', '--targets', 'nginx'], 'no target of suite mounts is selected'],
  [['--seconds', '0'], '--seconds: found 0, expected a whole number above 0'],
  [['--rate', '1e3'], '--rate: found 1e3'],
  [['--output', 'xml'], '--output: found xml, expected table or json'],
  [['--cpu-prof', '/tmp'], '--cpu-prof: expected one target in --targets'],
  [
    ['--cpu-prof', '/tmp', '--targets', 'nginx'],
    '--cpu-prof: found nginx, expected a target that runs on Node',
  ],
  [['--nosuch'], '--nosuch'],
])('%j is refused with what was found and what was expected', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test('every suite names targets that exist, and few enough that none goes cold', () => {
  const known = TARGETS.map(({ name }) => name);
  expect(new Set(known).size).toBe(known.length);
  for (const names of Object.values(SUITES)) {
    expect(known).toEqual(expect.arrayContaining([...names]));
    expect(names.length).toBeLessThanOrEqual(TARGETS_PER_SUITE);
  }
});
