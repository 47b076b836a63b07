import type { Command } from 'commander';
import type { TenantView } from '../../admin/schemas/tenants.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import { type Column, properties, shortTime, table } from '../output.ts';
import { confirm } from '../secret-input.ts';
import { type Condition, collect, conditionOf, IF_MATCH, openSession } from '../session.ts';

interface TenantOptions {
  readonly name?: string;
  readonly host?: readonly string[];
  readonly issuer?: readonly string[];
  readonly requestLimit?: string;
}

const COLUMNS: readonly Column<TenantView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => name },
  {
    title: 'STATUS',
    cell: statusOf,
    style: ({ status, isInEffect }) => (status === 'suspended' || !isInEffect ? 'red' : 'green'),
  },
  { title: 'ORIGIN', cell: ({ origin }) => origin },
  { title: 'HOSTS', cell: ({ hosts }) => hosts.join(', ') || undefined },
  { title: 'ISSUERS', cell: ({ issuers }) => issuers.join(', ') || undefined },
];

export function registerTenants(program: Command): void {
  const tenants = program.command('tenants').description('tenants of the store and of the configuration');

  describeTenant(tenants.command('create <id>').description('add a tenant to the store'))
    .option('--suspended', 'without access for now')
    .action(async (id: string, options: TenantOptions & { readonly suspended?: true }, command: Command) => {
      const { client, print } = openSession(command);
      const created = await client.post<TenantView>('/v1/tenants', {
        id,
        ...changeOf(options),
        ...(options.suspended === true && { status: 'suspended' }),
      });
      print(created, (tenant) => `Tenant ${tenant.id} is ${tenant.status}.\n`);
    });

  describeTenant(
    tenants
      .command('update <id>')
      .description('change name, hosts, issuers or limit; a list replaces the old one'),
  )
    .option(...IF_MATCH)
    .action(async (id: string, options: TenantOptions & Condition, command: Command) => {
      if (Object.values(changeOf(options)).every((value) => value === undefined)) {
        throw usageFailure('Name what is to change: --name, --host, --issuer or --request-limit.');
      }
      const { client, print } = openSession(command);
      print(await client.patch<TenantView>(pathOf(id), changeOf(options), conditionOf(options)), describe);
    });

  tenants
    .command('list')
    .description('all tenants')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const answer = await client.get<{ readonly tenants: readonly TenantView[] }>('/v1/tenants');
      print(answer, (found) => table(found.tenants, COLUMNS, 'There are no tenants.'));
    });

  tenants
    .command('show <id>')
    .description('one tenant')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      const { value, etag } = await client.getTagged<TenantView>(pathOf(id));
      print({ ...value, etag }, (tenant) => describe(tenant) + properties([['etag', etag]]));
    });

  for (const [verb, description] of [
    ['suspend', 'refuse every request of a tenant from now on'],
    ['resume', 'end the suspension of a tenant'],
  ] as const) {
    tenants
      .command(`${verb} <id>`)
      .description(description)
      .option('--reason <text>', 'for the audit stream')
      .option(...IF_MATCH)
      .action(async (id: string, options: Condition & { readonly reason?: string }, command: Command) => {
        const { client, print } = openSession(command);
        const { reason } = options;
        const changed = await client.post<TenantView>(
          `${pathOf(id)}/${verb}`,
          { reason },
          conditionOf(options),
        );
        print(changed, (tenant) => `Tenant ${tenant.id} is ${tenant.status}.\n`);
      });
  }

  tenants
    .command('delete <id>')
    .description('delete a tenant of the store and all its keys')
    .option(...IF_MATCH)
    .action(async (id: string, options: Condition, command: Command) => {
      const { client, print } = openSession(command);
      const isSure = await confirm(`Delete tenant ${id} and all its keys?`);
      if (!isSure) throw new CliFailure('Nothing was deleted.');
      await client.delete(pathOf(id), conditionOf(options));
      print({ id, isDeleted: true }, () => `Tenant ${id} and its keys are deleted.\n`);
    });
}

function describeTenant(command: Command): Command {
  return command
    .option('--name <text>', 'for people')
    .option('--host <host>', 'host that selects it; repeat for more', collect)
    .option('--issuer <name>', 'issuer whose tokens may speak for it; repeat for more', collect)
    .option('--request-limit <rate>', 'requests of its own, such as 600/min; none: as everybody');
}

function changeOf({ name, host, issuer, requestLimit }: TenantOptions): object {
  return {
    name,
    hosts: host,
    issuers: issuer,
    requestLimit: requestLimit === 'none' ? null : requestLimit,
  };
}

function statusOf({ status, isInEffect }: TenantView): string {
  return isInEffect ? status : `${status}, not in effect: clashes with the configuration`;
}

function describe(tenant: TenantView): string {
  return properties([
    ['id', tenant.id],
    ['name', tenant.name],
    ['status', statusOf(tenant)],
    ['origin', tenant.origin],
    ['hosts', tenant.hosts.join(', ') || '-'],
    ['issuers', tenant.issuers.join(', ') || '-'],
    ['limit', tenant.requestLimit],
    ['created', shortTime(tenant.createdAt)],
    ['changed', shortTime(tenant.updatedAt)],
    ['revision', tenant.revision?.toString()],
  ]);
}

function pathOf(id: string): string {
  return `/v1/tenants/${encodeURIComponent(id)}`;
}
