import { Command, CommanderError, Option } from 'commander';
import { registerAudit } from './commands/audit.ts';
import { registerBackup } from './commands/backup.ts';
import { registerClients } from './commands/clients.ts';
import { registerKeyring } from './commands/keyring.ts';
import { registerKeys } from './commands/keys.ts';
import { registerObservations } from './commands/observations.ts';
import { registerOperations } from './commands/operations.ts';
import { registerRevocations } from './commands/revocations.ts';
import { registerSessions } from './commands/sessions.ts';
import { registerTenants } from './commands/tenants.ts';
import { CliFailure } from './failure.ts';
import { printable } from './output.ts';

export type ExitCode = 0 | 1 | 2;

/**
 * The commands that talk to the administration API. The caller adds those that run in its own process with
 * `program.command(…)`, so that they inherit how errors end.
 */
export function createProgram(version: string): Command {
  const program = new Command('gatehouse')
    .description('Authentication gateway in front of an API that stays as it is')
    .version(version)
    .addOption(
      new Option('--admin <url>', 'address of the administration API')
        .env('GATEHOUSE_ADMIN_URL')
        .default('http://127.0.0.1:8081'),
    )
    .option(
      '--admin-token-file <file>',
      'file that holds the admin token (else GATEHOUSE_ADMIN_TOKEN, GATEHOUSE_ADMIN_TOKEN_FILE, ./data/admin-token)',
    )
    .addOption(
      new Option('--output <format>', 'text for people, json for programs')
        .choices(['text', 'json'])
        .default('text'),
    )
    // The caller decides when the process ends.
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true });
  registerKeys(program);
  registerTenants(program);
  registerClients(program);
  registerSessions(program);
  registerRevocations(program);
  registerKeyring(program);
  registerAudit(program);
  registerBackup(program);
  registerObservations(program);
  registerOperations(program);
  return program;
}

/** Runs one command line (without node and script). 0: done; 1: it failed; 2: it was called wrongly. Never throws. */
export async function runProgram(program: Command, args: readonly string[]): Promise<ExitCode> {
  // `gatehouse audit | head` closes our output early; that is no failure.
  process.stdout.once('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 1),
  );
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    report(error);
    return error instanceof CliFailure ? error.exitCode : 1;
  }
}

function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: ${printable(message)}\n`);
  const details = error instanceof CliFailure ? error.details : [];
  for (const detail of details) process.stderr.write(`  ${printable(detail)}\n`);
}
