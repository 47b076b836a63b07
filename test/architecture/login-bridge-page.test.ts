import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { blocksOf, root } from './markdown.ts';

interface Config {
  readonly login?: Readonly<Record<string, unknown>>;
  readonly upstreams?: Readonly<Record<string, unknown>>;
  readonly routes?: readonly object[];
}

const blocks = blocksOf('docs/login-bridge.md')
  .filter(({ language }) => language === 'yaml')
  .map(({ text }) => parse(text) as Config);

/** Both are run by tests against the real applications. */
test.each([
  ['wagtail', 'docs/examples/wagtail.yaml'],
  ['legacy', 'demo/gatehouse.yaml'],
])('the login bridge page shows the login %s as %s has it', (name, file) => {
  const run = parse(readFileSync(path.join(root, file), 'utf8')) as Config;
  const shown = blocks.filter(({ login }) => login?.[name] !== undefined);
  expect(shown).toHaveLength(1);
  for (const { login, upstreams, routes } of shown) {
    expect(login?.[name]).toEqual(run.login?.[name]);
    expect(run.upstreams).toMatchObject(upstreams ?? {});
    expect(run.routes).toEqual(
      expect.arrayContaining((routes ?? []).map((route) => expect.objectContaining(route) as unknown)),
    );
  }
});
