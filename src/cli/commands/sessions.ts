import type { Command } from 'commander';
import type { EndedSessionsView, SessionPageView, SessionView } from '../../admin/schemas/sessions.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import { type Column, printable, properties, shortTime, table } from '../output.ts';
import { confirm } from '../secret-input.ts';
import { instantFrom, openSession } from '../session.ts';

interface OwnerOptions {
  readonly subject?: string;
  readonly client?: string;
  readonly tenant?: string;
}

type ListOptions = OwnerOptions & { readonly user?: string; readonly login?: string };

type EndOptions = OwnerOptions & { readonly issuedBefore?: string; readonly reason?: string };

const COLUMNS: readonly Column<SessionView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'KIND', cell: ({ kind }) => kind },
  { title: 'USER', cell: ({ user }) => user.name ?? user.id },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'CLIENT', cell: ({ client }) => client },
  { title: 'PEER', cell: ({ peer }) => peer },
  { title: 'LOGIN AT', cell: ({ authenticatedAt }) => shortTime(authenticatedAt) },
  { title: 'EXPIRES', cell: ({ expiresAt }) => shortTime(expiresAt) },
  { title: 'REFRESHABLE', cell: ({ refreshableUntil }) => shortTime(refreshableUntil) },
  { title: 'SUBJECT', cell: ({ subject }) => subject },
];

export function registerSessions(program: Command): void {
  const sessions = program.command('sessions').description("users' sessions");

  chooseOwner(sessions.command('list').description('sessions that have not ended; all filters must fit'))
    .option('--user <id>', 'of a user, by the id that the upstream knows; --subject is faster')
    .option('--login <name>', 'of one login of the configuration')
    .action(async (options: ListOptions, command: Command) => {
      const { client, print } = openSession(command);
      const found: SessionView[] = [];
      let after: string | undefined;
      do {
        const query = { ...options, after, limit: '1000' };
        const page: SessionPageView = await client.get('/v1/sessions', query);
        found.push(...page.sessions);
        after = page.next;
      } while (after !== undefined);
      print({ sessions: found }, () => table(found, COLUMNS, 'There are no sessions.'));
    });

  sessions
    .command('show <id>')
    .description('one session')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print } = openSession(command);
      print(await client.get<SessionView>(pathOf(id)), describe);
    });

  chooseOwner(
    sessions
      .command('end [id]')
      .description(
        'end one session, or all of a user, client or tenant, everywhere and at once; they may log in anew',
      ),
  )
    .option('--issued-before <when>', 'only logins until then; default: until now')
    .option('--reason <text>', 'for the audit stream')
    .action(async (id: string | undefined, options: EndOptions, command: Command) => {
      const { issuedBefore, reason, ...owner } = options;
      const owners = Object.values(owner);
      if ((id === undefined ? 0 : 1) + owners.length !== 1)
        throw usageFailure('Name one session, or one of --subject, --client and --tenant.');
      const { client, print } = openSession(command);
      if (id !== undefined) {
        if (issuedBefore !== undefined || reason !== undefined)
          throw usageFailure('--issued-before and --reason go with --subject, --client or --tenant.');
        await client.delete(pathOf(id));
        print({ id, isEnded: true }, () => `Session ${printable(id)} has ended.\n`);
        return;
      }
      if (!(await confirm(`End all sessions of ${owners.join()}?`)))
        throw new CliFailure('Nothing was ended.');
      let before = issuedBefore === undefined ? undefined : instantFrom(issuedBefore);
      let ended = 0;
      let after: string | undefined;
      let answer: EndedSessionsView;
      do {
        answer = await client.post('/v1/sessions/end', { ...owner, issuedBefore: before, after, reason });
        ({ issuedBefore: before, next: after } = answer);
        ended += answer.ended;
      } while (after !== undefined);
      print({ ...answer, ended }, (all) => `${all.ended} sessions have ended.\n`);
    });
}

function chooseOwner(command: Command): Command {
  return command
    .option('--subject <subject>', 'of a user: user:LOGIN:TENANT:ID, as list shows it')
    .option('--client <client>', 'begun through a client: client:ID, or key:ID of a legacy client')
    .option('--tenant <id>', 'in a tenant');
}

function describe(session: SessionView): string {
  const { user } = session;
  return properties([
    ['id', session.id],
    ['kind', session.kind],
    ['login', session.login],
    ['subject', session.subject],
    ['user', user.name === undefined ? user.id : `${user.id} (${user.name})`],
    ['tenant', session.tenant],
    ['tenants', session.tenants.join(', ')],
    ['roles', session.roles.join(', ') || '-'],
    ['scopes', session.scopes.join(' ') || '-'],
    ['client', session.client],
    ['host', session.host],
    ['peer', session.peer],
    ['agent', session.agent],
    ['login at', shortTime(session.authenticatedAt)],
    ['expires', shortTime(session.expiresAt)],
    ['at the latest', shortTime(session.absoluteEnd)],
    ['refreshable', shortTime(session.refreshableUntil)],
  ]);
}

function pathOf(id: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}`;
}
