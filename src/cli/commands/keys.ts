import { type Command, Option } from 'commander';
import type {
  ImportedKeyView,
  KeyPageView,
  KeyView,
  NewKeyView,
  RotatedKeyView,
} from '../../admin/schemas/keys.ts';
import { usageFailure } from '../failure.ts';
import { type Column, paint, properties, shortTime, table } from '../output.ts';
import { readSecret } from '../secret-input.ts';
import {
  type Condition,
  collect,
  conditionOf,
  IF_MATCH,
  instantAgo,
  instantFrom,
  openSession,
} from '../session.ts';
import { describeReport, importCsv } from './csv-import.ts';

interface DescriptionOptions {
  readonly tenant: string;
  readonly name: string;
  readonly owner?: string;
  readonly scope?: readonly string[];
  readonly role?: readonly string[];
  readonly expires?: string;
}

type ImportOptions = Partial<DescriptionOptions> & {
  readonly id?: string;
  readonly keyFile?: string;
  readonly csv?: string;
  readonly dryRun?: true;
};

interface ListOptions {
  readonly tenant?: string;
  readonly stale?: string;
  readonly expiring?: string;
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

  describeKey(keys.command('create').description('issue a key; it is shown once'), true)
    .option(
      '--idempotency-key <name>',
      'name of this creation, so that it may be tried again: there is one key at most',
    )
    .action(async (options: DescriptionOptions & { readonly idempotencyKey?: string }, command: Command) => {
      const { client, print } = openSession(command);
      const created = await client.post<NewKeyView>('/v1/keys', descriptionOf(options), {
        'idempotency-key': options.idempotencyKey,
      });
      print(created, describeNew);
    });

  describeKey(
    keys
      .command('import')
      .description(
        'accept a legacy key as it is, read from a file, standard input or a prompt; or many of a CSV file',
      ),
    false,
  )
    .option('--id <id>', 'id to give it; default: a new one')
    .option('--key-file <file>', 'file that holds the key; - for standard input')
    .option(
      '--csv <file>',
      'keys of a CSV file: tenant,key,name[,owner,scopes,roles,expires,id]; - for standard input',
    )
    .option('--dry-run', 'with --csv: tell what would happen, and change nothing')
    .action(async (options: ImportOptions, command: Command) => {
      const { client, print } = openSession(command);
      if (options.csv !== undefined) {
        const { csv, dryRun, ...others } = options;
        if (Object.keys(others).length > 0)
          throw usageFailure('--csv goes with --dry-run alone: the file says the rest.');
        const report = await importCsv(client, csv, dryRun === true);
        print(report, describeReport);
        if (report.refused > 0) process.exitCode = 1;
        return;
      }
      if (options.dryRun === true) throw usageFailure('--dry-run goes with --csv.');
      const { tenant, name } = options;
      if (tenant === undefined || name === undefined)
        throw usageFailure('Name --tenant and --name, or --csv.');
      const key = await readSecret('Legacy key: ', options.keyFile);
      const imported = await client.post<ImportedKeyView>('/v1/keys/import', {
        ...descriptionOf({ ...options, tenant, name }),
        id: options.id,
        key,
      });
      for (const warning of imported.warnings) process.stderr.write(`warning: ${warning}\n`);
      print(imported, ({ id, tenant }) => `Key ${id} of tenant ${tenant} is accepted from now on.\n`);
    });

  keys
    .command('list')
    .description('keys of the store and of the configuration')
    .option('--tenant <id>', 'of one tenant')
    .option('--stale <duration>', 'only those that are accepted and were not used for this long, e.g. 90d')
    .option('--expiring <duration>', 'only those that are accepted and end within this time, e.g. 30d')
    .action(async (options: ListOptions, command: Command) => {
      const { client, print } = openSession(command);
      const { tenant, stale, expiring } = options;
      const found: KeyView[] = [];
      let after: string | undefined;
      do {
        const page: KeyPageView = await client.get('/v1/keys', {
          tenant,
          unusedSince: stale === undefined ? undefined : instantAgo(stale),
          expiresBefore: expiring === undefined ? undefined : instantFrom(expiring),
          after,
          limit: '1000',
        });
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
      const { value, etag } = await client.getTagged<KeyView>(pathOf(id));
      print({ ...value, etag }, (key) => describe(key) + properties([['etag', etag]]));
    });

  keys
    .command('rotate <id>')
    .description('issue a successor, shown once; the old key stays valid for the overlap')
    .requiredOption(
      '--overlap <duration>',
      'how long the old key is still accepted, e.g. 7d; 0s for not at all',
    )
    .option('--expires <when>', 'of the new key: a date, a time, or a duration such as 90d')
    .option(...IF_MATCH)
    .action(
      async (
        id: string,
        options: Condition & { readonly overlap: string; readonly expires?: string },
        command: Command,
      ) => {
        const { client, print } = openSession(command);
        const rotated = await client.post<RotatedKeyView>(
          `${pathOf(id)}/rotate`,
          {
            overlap: options.overlap,
            ...(options.expires !== undefined && { expiresAt: instantFrom(options.expires) }),
          },
          conditionOf(options),
        );
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
    .option(...IF_MATCH)
    .action(async (id: string, options: Condition & { readonly reason?: string }, command: Command) => {
      const { client, print } = openSession(command);
      const { reason } = options;
      const revoked = await client.post<KeyView>(`${pathOf(id)}/revoke`, { reason }, conditionOf(options));
      print(revoked, (key) =>
        key.origin === 'configured'
          ? `Key ${key.id} is revoked. It is also in the configuration file: remove it there.\n`
          : `Key ${key.id} is revoked.\n`,
      );
    });
}

/** `isMandatory`: tenant and name, which a CSV file has too. */
function describeKey(command: Command, isMandatory: boolean): Command {
  return command
    .addOption(new Option('--tenant <id>', 'tenant that the key acts for').makeOptionMandatory(isMandatory))
    .addOption(new Option('--name <text>', 'what it is for').makeOptionMandatory(isMandatory))
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

function describeNew(key: NewKeyView): string {
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
