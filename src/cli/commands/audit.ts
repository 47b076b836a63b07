import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AuditRecordView } from '../../admin/schemas/operations.ts';
import type { AdminClient } from '../admin-client.ts';
import { CliFailure } from '../failure.ts';
import { type Column, paint, printable, table } from '../output.ts';
import { type GlobalOptions, openSession } from '../session.ts';

interface AuditOptions {
  readonly limit: string;
  readonly after?: string;
  readonly decision?: string;
  readonly tenant?: string;
  readonly code?: string;
}

const DECISION_STYLES = {
  admitted: 'green',
  changed: 'green',
  attempted: 'dim',
  denied: 'yellow',
  observed: 'yellow',
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

const POLL_MILLISECONDS = 1000;
/** As many as one answer holds at most. */
const PAGE = 1000;

export function registerAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('the newest records of the audit stream, or those after a sequence')
    .option('--limit <count>', 'how many records', '50')
    .option('--after <sequence>', 'records after this one')
    .option('--decision <id>', 'records of one decision')
    .option('--tenant <id>', 'records of one tenant')
    .option('--code <code>', 'records of one deny code, or of one action such as keys.create')
    .action(async (options: AuditOptions, command: Command) => {
      const { client, print } = openSession(command);
      const records = await read(client, options, options.after, options.limit);
      print({ records }, () => table(records, AUDIT_COLUMNS, 'There are no records.'));
    });

  audit
    .command('tail')
    .description('the newest records, then each new one as it comes, until ^C')
    .action(async (_options: object, command: Command) => {
      const { client } = openSession(command);
      const { output, ...options } = command.optsWithGlobals<GlobalOptions & AuditOptions>();
      const stop = new AbortController();
      const end = () => stop.abort();
      process.once('SIGINT', end).once('SIGTERM', end);
      for await (const record of follow(client, options, stop.signal)) {
        process.stdout.write(output === 'json' ? `${JSON.stringify(record)}\n` : describeRecord(record));
      }
    });
}

async function read(
  client: AdminClient,
  { decision, tenant, code }: AuditOptions,
  after: string | undefined,
  limit: string,
): Promise<readonly AuditRecordView[]> {
  const query = { limit, after, decisionId: decision, tenant, code };
  return (await client.get<{ readonly records: readonly AuditRecordView[] }>('/v1/audit', query)).records;
}

/** What fails after the first answer is told and tried again: a gateway that restarts does not end it. */
async function* follow(
  client: AdminClient,
  options: AuditOptions,
  stop: AbortSignal,
): AsyncGenerator<AuditRecordView> {
  let records = await read(client, options, options.after, options.limit);
  let after = options.after ?? '0';
  let isFailing = false;
  while (!stop.aborted) {
    yield* records;
    after = records.at(-1)?.sequence.toString() ?? after;
    if (records.length < PAGE)
      await wait(POLL_MILLISECONDS, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return;
    try {
      records = await read(client, options, after, PAGE.toString());
      isFailing = false;
    } catch (error) {
      if (!(error instanceof CliFailure)) throw error;
      if (!isFailing) process.stderr.write(`${printable(error.message)} Trying again.\n`);
      isFailing = true;
      records = [];
    }
  }
}

/** One line, without columns: how wide they had to be is not known. */
function describeRecord(record: AuditRecordView): string {
  const { at, decision, code, subject, credential, tenant, method, host = '', path = '', reason } = record;
  const parts = [
    subject,
    credential,
    tenant === undefined ? undefined : `tenant:${tenant}`,
    method === undefined ? undefined : `${method} ${host}${path}`,
    record.decisionId,
    reason === undefined ? undefined : `(${reason})`,
  ];
  const rest = parts.filter((part) => part !== undefined).map(printable);
  const verdict = paint(decision.padEnd(9), DECISION_STYLES[decision]);
  return `${[at, verdict, printable(code), ...rest].join('  ')}\n`;
}
