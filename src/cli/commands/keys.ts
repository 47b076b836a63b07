import type { Command } from 'commander';
import type { KeyView } from '../../admin/schemas/keys.ts';
import { type Column, paint, properties, shortTime, table } from '../output.ts';
import { readSecret } from '../secret-input.ts';
import { collect, instantFrom, openSession } from '../session.ts';

interface DescriptionOptions {
  readonly tenant: string;
  readonly name: string;
  readonly owner?: string;
  readonly scope?: readonly string[];
  readonly role?: readonly string[];
  readonly expires?: string;
}

interface NewKey extends KeyView {
  readonly key: string;
}

const STATE_STYLES = { active: 'green', replaced: 'yellow', expired: 'dim', revoked: 'red' } as const;

const COLUMNS: readonly Column<KeyView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: 'EXPIRES', cell: ({ expiresAt }) => shortTime(expiresAt) ?? 'never' },
  { title: 'LAST USED', cell: ({ lastUsedAt }) => shortTime(lastUsedAt) },
  { title: 'OWNER', cell: ({ owner }) => owner },
];

export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('API keys');

  describeKey(keys.command('create').description('issue a key; it is shown once')).action(
    async (options: DescriptionOptions, command: Command) => {
      const { client, print } = openSession(command);
      const created = await client.post<NewKey>('/v1/keys', descriptionOf(options));
      print(created, describeNew);
    },
  );

  describeKey(
    keys
      .command('import')
      .description('accept a legacy key as it is, read from a file, standard input or a prompt'),
  )
    .option('--id <id>', 'id to give it; default: a new one')
    .option('--key-file <file>', 'file that holds the key; - for standard input')
    .action(
      async (
        options: DescriptionOptions & { readonly id?: string; readonly keyFile?: string },
        command: Command,
      ) => {
        const { client, print } = openSession(command);
        const key = await readSecret('Legacy key: ', options.keyFile);
        const imported = await client.post<KeyView & { readonly warnings: readonly string[] }>(
          '/v1/keys/import',
          { ...descriptionOf(options), id: options.id, key },
        );
        for (const warning of imported.warnings) process.stderr.write(`warning: ${warning}\n`);
        print(imported, ({ id, tenant }) => `Key ${id} of tenant ${tenant} is accepted from now on.\n`);
      },
    );

  keys
    .command('list')
    .description('keys of the store and of the configuration')
    .option('--tenant <id>', 'of one tenant')
    .action(async (options: { readonly tenant?: string }, command: Command) => {
      const { client, print } = openSession(command);
      const found: KeyView[] = [];
      let after: string | undefined;
      do {
        const page: { readonly keys: readonly KeyView[]; readonly next?: string } = await client.get(
          '/v1/keys',
          { tenant: options.tenant, after, limit: '1000' },
        );
        found.push(...page.keys);
        after = page.next;
      } while (after !== undefined);
      print({ keys: found }, () => table(found, COLUMNS, 'There are no keys.'));
    });

  keys
    .command('show <id>')
    .description('one key')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(await client.get<KeyView>(pathOf(id)), describe);
    });

  keys
    .command('rotate <id>')
    .description('issue a successor, shown once; the old key stays valid for the overlap')
    .requiredOption(
      '--overlap <duration>',
      'how long the old key is still accepted, e.g. 7d; 0s for not at all',
    )
    .option('--expires <when>', 'of the new key: a date, a time, or a duration such as 90d')
    .action(
      async (
        id: string,
        options: { readonly overlap: string; readonly expires?: string },
        command: Command,
      ) => {
        const { client, print } = openSession(command);
        const rotated = await client.post<NewKey & { readonly replaced: KeyView }>(`${pathOf(id)}/rotate`, {
          overlap: options.overlap,
          ...(options.expires !== undefined && { expiresAt: instantFrom(options.expires) }),
        });
        const { replaced } = rotated;
        print(
          rotated,
          (key) =>
            `${describeNew(key)}The old key ${replaced.id} is accepted until ${shortTime(replaced.expiresAt)}.\n`,
        );
      },
    );

  keys
    .command('revoke <id>')
    .description('refuse a key from now on, everywhere')
    .option('--reason <text>', 'for the audit stream')
    .action(async (id: string, { reason }: { readonly reason?: string }, command: Command) => {
      const { client, print } = openSession(command);
      const revoked = await client.post<KeyView>(`${pathOf(id)}/revoke`, { reason });
      print(revoked, (key) =>
        key.origin === 'configured'
          ? `Key ${key.id} is revoked. It is also in the configuration file: remove it there.\n`
          : `Key ${key.id} is revoked.\n`,
      );
    });
}

function describeKey(command: Command): Command {
  return command
    .requiredOption('--tenant <id>', 'tenant that the key acts for')
    .requiredOption('--name <text>', 'what it is for')
    .option('--owner <text>', 'whom to call about it')
    .option('--scope <scope>', 'scope that it grants; repeat for more', collect)
    .option('--role <role>', 'role that it has; repeat for more', collect)
    .option('--expires <when>', 'a date, a time, or a duration such as 90d; default: never');
}

function descriptionOf({ tenant, name, owner, scope, role, expires }: DescriptionOptions): object {
  return {
    tenant,
    name,
    owner,
    scopes: scope,
    roles: role,
    ...(expires !== undefined && { expiresAt: instantFrom(expires) }),
  };
}

function describeNew(key: NewKey): string {
  return `Key ${key.id} of tenant ${key.tenant}, shown this once:\n\n  ${paint(key.key, 'bold')}\n\n`;
}

function describe(key: KeyView): string {
  return properties([
    ['id', key.id],
    ['tenant', key.tenant],
    ['name', key.name],
    ['owner', key.owner],
    ['state', key.state],
    ['origin', key.origin],
    ['scopes', key.scopes.join(' ') || '-'],
    ['roles', key.roles.join(', ') || '-'],
    ['created', shortTime(key.createdAt)],
    ['expires', shortTime(key.expiresAt) ?? 'never'],
    ['last used', shortTime(key.lastUsedAt)],
    ['revoked', shortTime(key.revokedAt)],
    ['replaced by', key.replacedBy],
  ]);
}

function pathOf(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}
