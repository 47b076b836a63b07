import type { Command } from 'commander';
import type { ReloadReport } from '../../admin/admin-context.ts';
import type { StatusView } from '../../admin/schemas/operations.ts';
import { CliFailure } from '../failure.ts';
import { type Column, paint, printable, properties, shortTime, table } from '../output.ts';
import { openSession } from '../session.ts';
import { ENCRYPTION_KEY_COLUMNS } from './keyring.ts';

const REPLICA_COLUMNS: readonly Column<StatusView['replicas'][number]>[] = [
  { title: 'REPLICA', cell: ({ id, isSelf }) => (isSelf ? `${id} (this one)` : id) },
  { title: 'VERSION', cell: ({ version }) => version },
  { title: 'REVISION', cell: ({ revision }) => revision },
  { title: 'STARTED', cell: ({ startedAt }) => shortTime(startedAt) },
  {
    title: 'LAG',
    cell: ({ lagMilliseconds }) =>
      lagMilliseconds === null ? 'reads anew' : `${Math.round(lagMilliseconds)} ms`,
    style: ({ lagMilliseconds }) => (lagMilliseconds === null ? 'red' : undefined),
  },
];

export function registerOperations(program: Command): void {
  program
    .command('reload')
    .description('load the configuration file anew')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const report = await client.post<ReloadReport>('/v1/reload');
      if (report.outcome !== 'refused') {
        print(report, describeReload);
        return;
      }
      throw new CliFailure(
        report.workers === undefined
          ? `The file is not valid; revision ${report.revision} goes on serving.`
          : `Not every worker serves revision ${report.revision}.`,
        1,
        report.errors,
      );
    });

  program
    .command('status')
    .description('what is running, and how it is')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(await client.get<StatusView>('/v1/status'), describeStatus);
    });
}

function describeReload({ outcome, revision, workers = [] }: ReloadReport): string {
  const lines = workers.map((worker) => `worker ${worker.pid}: ${worker.outcome}\n`);
  return `Configuration ${outcome}; revision ${revision}.\n${lines.join('')}`;
}

function describeStatus({
  version,
  startedAt,
  configuration,
  replicas,
  encryptionKeys,
  checks,
}: StatusView): string {
  const lines = checks.map(({ name, isOk, detail }) => {
    const mark = isOk ? paint('[+]', 'green') : paint('[-]', 'red');
    return `${mark} ${printable(detail === undefined ? name : `${name}: ${detail}`)}\n`;
  });
  return (
    properties([
      ['version', version],
      ['started', shortTime(startedAt)],
      ['configuration', configuration.file],
      ['revision', `${configuration.revision}, loaded ${shortTime(configuration.loadedAt)}`],
    ]) +
    configuration.errors.map((error) => `${paint('not loaded:', 'red')} ${printable(error)}\n`).join('') +
    lines.join('') +
    `\n${table(replicas, REPLICA_COLUMNS, 'No replica is known.')}` +
    (encryptionKeys === undefined
      ? ''
      : `\n${table(encryptionKeys, ENCRYPTION_KEY_COLUMNS, 'There are no encryption keys.')}`)
  );
}
