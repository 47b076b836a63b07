import { openAsBlob } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { checkBackup } from '../../admin/backup/read-backup.ts';
import { JSON_LINES } from '../../admin/backup/write-backup.ts';
import type { RestoredView } from '../../admin/schemas/backup.ts';
import type { AdminClient } from '../admin-client.ts';
import { CliFailure } from '../failure.ts';
import { openSession } from '../session.ts';

export function registerBackup(program: Command): void {
  program
    .command('backup <file>')
    .description(
      'write the store, without sessions, to a new file: keys and secrets as digests, signing keys sealed',
    )
    .action(async (file: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      const records = await writeBackupFile(client, file);
      print({ file, records }, () => `${records} records are in ${file}.\n`);
    });

  program
    .command('restore <file>')
    .description('write a backup into the empty store of a gateway')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      await checkFile(file);
      const restored = await client.upload<RestoredView>('/v1/restore', await openAsBlob(file), JSON_LINES);
      print(
        restored,
        ({ tenants, suspensions, clients, apiKeys, revocations, keyrings }) =>
          `Restored: ${tenants} tenants, ${suspensions} suspensions, ${clients} clients, ${apiKeys} keys, ${revocations} revocations, ${keyrings} keyrings.\n`,
      );
    });
}

/** Complete, checked and on the disk, or not there. Gives the number of records. */
async function writeBackupFile(client: AdminClient, file: string): Promise<number> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST'
      ? new CliFailure(`${file} is there already; a backup is never overwritten.`)
      : unusable(file, 'written', error);
  });
  try {
    for await (const chunk of client.download('/v1/backup')) await handle.writeFile(chunk);
    await handle.sync();
    await handle.close();
    return await checkFile(file);
  } catch (error) {
    await handle.close();
    await rm(file, { force: true });
    throw error;
  }
}

async function checkFile(file: string): Promise<number> {
  const checked = await checkBackup(file).catch((error: NodeJS.ErrnoException) => {
    throw unusable(file, 'read', error);
  });
  if (!checked.ok) throw new CliFailure(`${file}: ${checked.error}`);
  return checked.value;
}

function unusable(file: string, what: string, error: NodeJS.ErrnoException): CliFailure {
  return new CliFailure(`${file} cannot be ${what} (${error.code ?? error.name}).`);
}
