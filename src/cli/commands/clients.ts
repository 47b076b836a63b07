import { type Command, Option } from 'commander';
import type { ClientView, NewClientSecretView, NewClientView } from '../../admin/schemas/clients.ts';
import { digestOfClientSecret, generateClientSecret } from '../../clients/client-secret.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import { type Column, paint, properties, shortTime, table } from '../output.ts';
import { confirm } from '../secret-input.ts';
import { type Condition, collect, conditionOf, IF_MATCH, openSession } from '../session.ts';

interface ClientOptions {
  readonly name?: string;
  readonly grant?: readonly string[];
  readonly scope?: readonly string[];
  readonly tenant?: readonly string[];
  readonly anyTenant?: true;
  readonly login?: string;
  readonly browserSession?: true;
  readonly webOrigin?: readonly string[];
  readonly accessTokens?: string;
}

type UpdateOptions = ClientOptions &
  Condition & { readonly withoutLogin?: true; readonly withoutBrowserSession?: true };

type SecretOptions = Condition & { readonly overlap?: string; readonly new?: true };

const COLUMNS: readonly Column<ClientView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'KIND', cell: ({ isPublic }) => (isPublic ? 'public' : 'confidential') },
  {
    title: 'ORIGIN',
    cell: originOf,
    style: ({ isInEffect }) => (isInEffect ? undefined : 'red'),
  },
  { title: 'GRANTS', cell: ({ grants }) => grants.join(' ') || undefined },
  { title: 'TENANTS', cell: tenantsOf },
  { title: 'LOGIN', cell: ({ login }) => login },
];

export function registerClients(program: Command): void {
  const clients = program
    .command('clients')
    .description('OAuth clients of the store and of the configuration');

  describeClient(
    clients.command('create <id>').description('add a client to the store; its secret is shown once'),
  )
    .option('--public', 'it cannot keep a secret, such as an app in a browser, and gets none')
    .action(async (id: string, options: ClientOptions & { readonly public?: true }, command: Command) => {
      const { client, print } = openSession(command);
      const created = await client.post<NewClientView>('/v1/clients', {
        id,
        ...changeOf(options),
        ...(options.public === true && { isPublic: true }),
      });
      print(created, ({ secret }) =>
        secret === undefined
          ? `Client ${created.id} is public: it has no secret.\n`
          : describeSecret(id, secret),
      );
    });

  describeClient(
    clients.command('update <id>').description('change a client of the store; a list replaces the old one'),
  )
    .option('--without-login', 'no users log in through it any more')
    .option('--without-browser-session', 'it may begin no browser sessions any more')
    .option(...IF_MATCH)
    .action(async (id: string, options: UpdateOptions, command: Command) => {
      const change = {
        ...changeOf(options),
        ...(options.withoutLogin === true && { login: null }),
        ...(options.withoutBrowserSession === true && { browserSession: false }),
      };
      if (Object.values(change).every((value) => value === undefined))
        throw usageFailure('Name what is to change, such as --name or --scope.');
      const { client, print } = openSession(command);
      print(await client.patch<ClientView>(pathOf(id), change, conditionOf(options)), describe);
    });

  clients
    .command('list')
    .description('all clients')
    .action(async (_options: object, command: Command) => {
      const { client, print } = openSession(command);
      const answer = await client.get<{ readonly clients: readonly ClientView[] }>('/v1/clients');
      print(answer, (found) => table(found.clients, COLUMNS, 'There are no clients.'));
    });

  clients
    .command('show <id>')
    .description('one client')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      const { value, etag } = await client.getTagged<ClientView>(pathOf(id));
      print({ ...value, etag }, (found) => describe(found) + properties([['etag', etag]]));
    });

  clients
    .command('secret [id]')
    .description(
      'give a client of the store another secret, shown once; or with --new print one for the configuration file',
    )
    .option('--overlap <duration>', 'how long the old secret is still accepted, e.g. 7d; 0s for not at all')
    .option('--new', 'a new secret and its digest, made here; nothing is sent')
    .option(...IF_MATCH)
    .action(async (id: string | undefined, options: SecretOptions, command: Command) => {
      const { client, print } = openSession(command);
      if (options.new === true) {
        if (id !== undefined) throw usageFailure('--new is for the configuration file: it takes no id.');
        print(newSecret(), describeNewSecret);
        return;
      }
      if (id === undefined || options.overlap === undefined)
        throw usageFailure('Name a client and --overlap, or --new.');
      const rotated = await client.post<NewClientSecretView>(
        `${pathOf(id)}/secret`,
        { overlap: options.overlap },
        conditionOf(options),
      );
      print(rotated, ({ secret }) => describeSecret(id, secret) + describeOverlap(rotated));
    });

  clients
    .command('remove <id>')
    .description("remove a client of the store; its tokens and its users' sessions end")
    .option(...IF_MATCH)
    .action(async (id: string, options: Condition, command: Command) => {
      const { client, print } = openSession(command);
      const isSure = await confirm(`Remove client ${id} and end all sessions that came through it?`);
      if (!isSure) throw new CliFailure('Nothing was removed.');
      await client.delete(pathOf(id), conditionOf(options));
      print({ id, isRemoved: true }, () => `Client ${id} is removed.\n`);
    });
}

function describeClient(command: Command): Command {
  return command
    .option('--name <text>', 'for people')
    .option('--grant <grant>', 'client_credentials, password or refresh_token; repeat for more', collect)
    .option('--scope <scope>', 'scope that its tokens may have; repeat for more', collect)
    .option('--tenant <id>', 'tenant that it may act for; repeat for more', collect)
    .addOption(new Option('--any-tenant', 'whichever tenant its users log in to').conflicts('tenant'))
    .option('--login <name>', 'login block by which its users log in')
    .option('--browser-session', 'it may begin browser sessions')
    .option('--web-origin <origin>', 'other origin whose pages are this client; repeat for more', collect)
    .addOption(
      new Option('--access-tokens <format>', 'form of its access tokens').choices(['opaque', 'jwt']),
    );
}

function changeOf(options: ClientOptions): object {
  return {
    name: options.name,
    grants: options.grant,
    scopes: options.scope,
    tenants: options.anyTenant === true ? 'any' : options.tenant,
    login: options.login,
    browserSession: options.browserSession,
    origins: options.webOrigin,
    accessTokenFormat: options.accessTokens,
  };
}

function newSecret(): { readonly secret: string; readonly secretDigest: string } {
  const secret = generateClientSecret();
  return { secret: secret.reveal(), secretDigest: `sha256:${digestOfClientSecret(secret)}` };
}

function describeNewSecret({ secret, secretDigest }: ReturnType<typeof newSecret>): string {
  return `For the client, shown this once:\n\n  ${paint(secret, 'bold')}\n\nFor the configuration file:\n\n  secretDigest: ${secretDigest}\n`;
}

function describeSecret(id: string, secret: string): string {
  return `Secret of client ${id}, shown this once:\n\n  ${paint(secret, 'bold')}\n\n`;
}

function describeOverlap({ secrets }: NewClientSecretView): string {
  const [until] = secrets
    .flatMap(({ expiresAt }) => expiresAt ?? [])
    .toSorted()
    .toReversed();
  return until === undefined
    ? 'The old secret is not accepted any more.\n'
    : `The old secret is accepted until ${shortTime(until)}.\n`;
}

function originOf({ origin, isInEffect }: ClientView): string {
  return isInEffect ? origin : `${origin}, not in effect: clashes with the configuration`;
}

function tenantsOf({ tenants }: ClientView): string {
  return typeof tenants === 'string' ? tenants : tenants.join(', ');
}

function describe(client: ClientView): string {
  const secrets = client.secrets.map(({ expiresAt }) =>
    expiresAt === undefined ? 'one' : `one until ${shortTime(expiresAt)}`,
  );
  return properties([
    ['id', client.id],
    ['name', client.name],
    ['origin', originOf(client)],
    ['kind', client.isPublic ? 'public' : 'confidential'],
    ['secrets', secrets.join(', ') || '-'],
    ['grants', client.grants.join(' ') || '-'],
    ['scopes', client.scopes.join(' ') || '-'],
    ['tenants', tenantsOf(client)],
    ['login', client.login],
    ['browser session', client.browserSession ? 'yes' : 'no'],
    ['web origins', client.origins.join(' ') || '-'],
    ['access tokens', client.accessTokenFormat],
    ['created', shortTime(client.createdAt)],
    ['revision', client.revision?.toString()],
  ]);
}

function pathOf(id: string): string {
  return `/v1/clients/${encodeURIComponent(id)}`;
}
