import type { Command } from 'commander';
import type { EncryptionKeyView, KeyringView, ResealView } from '../../admin/schemas/operations.ts';
import { type Column, shortTime, table } from '../output.ts';
import { openSession } from '../session.ts';

const KEYRING_COLUMNS: readonly Column<KeyringView>[] = [
  { title: 'PURPOSE', cell: ({ purpose }) => purpose },
  { title: 'PREVIOUS', cell: ({ previous }) => previous?.kid },
  { title: 'CURRENT', cell: ({ current }) => current.kid },
  { title: 'NEXT', cell: ({ next }) => next.kid },
  { title: 'ROTATED', cell: ({ rotatedAt }) => shortTime(rotatedAt) },
];

const NEEDS = {
  sealing: 'seals and opens',
  opening: 'opens',
  missing: 'is needed and not configured',
} as const;

export const ENCRYPTION_KEY_COLUMNS: readonly Column<EncryptionKeyView>[] = [
  { title: 'ENCRYPTION KEY', cell: ({ id }) => id },
  { title: 'SEALED', cell: ({ sealed }) => `${sealed} secrets` },
  {
    title: 'STATE',
    cell: ({ state, sealed }) =>
      state === 'opening' && sealed === 0 ? 'may be taken away once older sessions have ended' : NEEDS[state],
    style: ({ state }) => (state === 'missing' ? 'red' : undefined),
  },
];

export function registerKeyring(program: Command): void {
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

  keyring
    .command('reseal')
    .description('seal with the first encryption key what another one has sealed')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(
        await client.post<ResealView>('/v1/keyring/reseal'),
        ({ resealed, encryptionKeys }) =>
          `${resealed} keyrings were sealed anew.\n${table(encryptionKeys, ENCRYPTION_KEY_COLUMNS, 'There are no encryption keys.')}`,
      );
    });
}

interface Keyrings {
  readonly keyrings: readonly KeyringView[];
}

function describeKeyrings({ keyrings }: Keyrings): string {
  return table(keyrings, KEYRING_COLUMNS, 'There are no keys.');
}
