import type { Command } from 'commander';
import type { ReloadReport } from '../../admin/admin-context.ts';
import type { AuditRecordView, KeyringView, StatusView } from '../../admin/schemas/operations.ts';
import { CliFailure } from '../failure.ts';
import { type Column, paint, printable, properties, shortTime, table } from '../output.ts';
import { openSession } from '../session.ts';

const KEYRING_COLUMNS: readonly Column<KeyringView>[] = [
  { title: 'PURPOSE', cell: ({ purpose }) => purpose },
  { title: 'PREVIOUS', cell: ({ previous }) => previous?.kid },
  { title: 'CURRENT', cell: ({ current }) => current.kid },
  { title: 'NEXT', cell: ({ next }) => next.kid },
  { title: 'ROTATED', cell: ({ rotatedAt }) => shortTime(rotatedAt) },
];

const DECISION_STYLES = {
  admitted: 'green',
  changed: 'green',
  attempted: 'dim',
  denied: 'yellow',
  failed: 'red',
} as const;

const AUDIT_COLUMNS: readonly Column<AuditRecordView>[] = [
  { title: 'SEQUENCE', cell: ({ sequence }) => sequence.toString() },
  { title: 'TIME', cell: ({ at }) => at },
  { title: 'DECISION', cell: ({ decision }) => decision, style: ({ decision }) => DECISION_STYLES[decision] },
  { title: 'CODE', cell: ({ code }) => code },
  { title: 'SUBJECT', cell: ({ subject }) => subject },
  { title: 'CREDENTIAL', cell: ({ credential }) => credential },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  {
    title: 'REQUEST',
    cell: ({ method, host = '', path = '' }) =>
      method === undefined ? undefined : `${method} ${host}${path}`,
  },
  { title: 'ID', cell: ({ decisionId }) => decisionId },
  { title: 'REASON', cell: ({ reason }) => reason },
];

export function registerOperations(program: Command): void {
  const keyring = program.command('keyring').description('keys that assertions are signed with');

  keyring
    .command('list')
    .description('previous, current and next key of each purpose')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(await client.get<Keyrings>('/v1/keyring'), describeKeyrings);
    });

  keyring
    .command('rotate <purpose>')
    .description('make the next key of a purpose, e.g. assertion:ES256, the current one')
    .action(async (purpose: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(await client.post<Keyrings>('/v1/keyring/rotate', { purpose }), describeKeyrings);
    });

  program
    .command('reload')
    .description('load the configuration file anew')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const report = await client.post<ReloadReport>('/v1/reload');
      if (report.outcome !== 'refused') {
        print(report, ({ outcome, revision }) => `Configuration ${outcome}; revision ${revision}.\n`);
        return;
      }
      throw new CliFailure(
        `The file is not valid; revision ${report.revision} goes on serving.`,
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

  program
    .command('audit')
    .description('the newest records of the audit stream, or those after a sequence')
    .option('--limit <count>', 'how many records', '50')
    .option('--after <sequence>', 'records after this one')
    .option('--decision <id>', 'records of one decision')
    .action(
      async (
        options: { readonly limit: string; readonly after?: string; readonly decision?: string },
        command: Command,
      ) => {
        const { client, print } = openSession(command);
        const answer = await client.get<{ readonly records: readonly AuditRecordView[] }>('/v1/audit', {
          limit: options.limit,
          after: options.after,
          decisionId: options.decision,
        });
        print(answer, ({ records }) => table(records, AUDIT_COLUMNS, 'There are no records.'));
      },
    );
}

interface Keyrings {
  readonly keyrings: readonly KeyringView[];
}

function describeKeyrings({ keyrings }: Keyrings): string {
  return table(keyrings, KEYRING_COLUMNS, 'There are no keys.');
}

function describeStatus({ version, startedAt, configuration, checks }: StatusView): string {
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
    lines.join('')
  );
}
