import type { Command } from 'commander';
import type { KeyView } from '../../admin/schemas/keys.ts';
import type { RevocationView } from '../../admin/schemas/revocations.ts';
import { usageFailure } from '../failure.ts';
import { type Column, printable, shortTime, table } from '../output.ts';
import { readPresentedToken } from '../presented-token.ts';
import { readSecret } from '../secret-input.ts';
import { instantFrom, openSession } from '../session.ts';

interface RevokeOptions {
  readonly key?: string;
  readonly token?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly session?: string;
  readonly client?: string;
  readonly tenant?: string;
  readonly issuedBefore?: string;
  readonly reason?: string;
}

const COLUMNS: readonly Column<RevocationView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'REVOKED', cell: ({ revokedAt }) => shortTime(revokedAt) },
  { title: 'BY', cell: ({ revokedBy }) => revokedBy },
  {
    title: 'WHAT WAS ISSUED',
    cell: ({ issuedBefore }) => (issuedBefore === undefined ? 'ever' : `until ${shortTime(issuedBefore)}`),
  },
  { title: 'FORGOTTEN', cell: ({ expiresAt }) => shortTime(expiresAt) ?? 'never' },
  { title: 'REASON', cell: ({ reason }) => reason },
];

export function registerRevocations(program: Command): void {
  program
    .command('revoke')
    .description(
      'take back a credential or session, or all of a subject, client or tenant, everywhere and at once',
    )
    .option('--key <id>', 'an API key')
    .option(
      '--token <file|jti>',
      'a token: a file that holds the JWT (- for standard input), or with --issuer its jti',
    )
    .option('--issuer <name>', 'issuer of the jti: its name in the configuration, or its iss')
    .option('--session <id>', 'a session, and all that was given out for it')
    .option(
      '--subject <subject>',
      'all of a user or client: user:ISSUER:ID, user:LOGIN:TENANT:ID, client:ISSUER:ID or client:ID',
    )
    .option('--client <client>', 'all that came through a client: client:ISSUER:ID, client:ID or key:ID')
    .option('--tenant <id>', 'all credentials, for one tenant; for its sessions alone see sessions end')
    .option('--issued-before <when>', 'only what was issued until then: a time, or now')
    .option('--reason <text>', 'for the audit stream')
    .action(async (options: RevokeOptions, command: Command) => {
      const { client, print } = openSession(command);
      const { reason } = options;
      const { target, expiresAt } = await requestedTarget(options);
      if (options.key !== undefined && options.issuedBefore === undefined) {
        const path = `/v1/keys/${encodeURIComponent(options.key)}/revoke`;
        print(await client.post<KeyView>(path, { reason }), ({ id }) => `Key ${id} is revoked.\n`);
        return;
      }
      const issuedBefore = options.issuedBefore === 'now' ? instantFrom('0s') : options.issuedBefore;
      const revocation = await client.post<RevocationView>('/v1/revocations', {
        target,
        expiresAt,
        issuedBefore,
        reason,
      });
      print(revocation, ({ id }) => `Revoked: ${printable(id)}\n`);
    });

  const revocations = program.command('revocations').description('the revocation list');

  revocations
    .command('list')
    .description('entries that are in force')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const answer = await client.get<{ readonly revocations: readonly RevocationView[] }>('/v1/revocations');
      print(answer, (found) => table(found.revocations, COLUMNS, 'Nothing is revoked.'));
    });

  revocations
    .command('remove <id>')
    .description('take an entry back; a revoked API key stays revoked')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      await client.delete(`/v1/revocations/${encodeURIComponent(id)}`);
      print({ id, isRemoved: true }, () => `No longer revoked: ${printable(id)}\n`);
    });
}

/** As it goes to the API, which checks ids and names. */
interface Requested {
  readonly target: object;
  readonly expiresAt?: string;
}

async function requestedTarget(options: RevokeOptions): Promise<Requested> {
  const { key, token, issuer, subject, session, client, tenant } = options;
  const given = [key, token, subject, session, client, tenant].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw usageFailure('Name one of --key, --token, --session, --subject, --client and --tenant.');
  }
  if (issuer !== undefined && token === undefined) throw usageFailure('--issuer goes with --token JTI.');
  if (key !== undefined) return { target: { kind: 'key', id: key } };
  if (subject !== undefined) return { target: { kind: 'subject', subject } };
  if (session !== undefined) return { target: { kind: 'session', id: session } };
  if (client !== undefined) return { target: { kind: 'client', client } };
  if (tenant !== undefined) return { target: { kind: 'tenant', tenant } };
  if (issuer !== undefined) return { target: { kind: 'token', issuer, jti: token } };
  return readPresentedToken(await readSecret('Token: ', token));
}
