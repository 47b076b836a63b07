import type { SealedJar } from '../../sessions/jar.ts';
import type { Rotation, Session, SessionId } from '../../sessions/session.ts';

/** One for each member: a million sessions are held in memory. What was released is never given another meaning. */
type ShortNames<T> = { readonly [K in keyof Required<T>]: string };
type ShortRecord = Readonly<Record<string, unknown>>;

const SESSION_NAMES: ShortNames<Omit<Session, 'id'>> = {
  kind: 'k',
  login: 'l',
  subject: 's',
  user: 'u',
  tenant: 't',
  tenants: 'm',
  roles: 'r',
  scopes: 'o',
  profile: 'p',
  client: 'c',
  clientId: 'i',
  host: 'h',
  peer: 'a',
  agent: 'g',
  authenticatedAt: 'b',
  expiresAt: 'e',
  absoluteEnd: 'z',
  cookieDigest: 'd',
  rotation: 'x',
  revision: 'v',
};

const ROTATION_NAMES: ShortNames<Rotation> = {
  familyDigest: 'f',
  currentDigest: 'c',
  previous: 'p',
  idleEnd: 'i',
  absoluteEnd: 'z',
};

/** JSON without what is known elsewhere: the id is the name of its field, and most users have one tenant. */
export function writeSession({ id: _id, ...session }: Session): string {
  const { m: tenants, x: _rotation, ...rest } = shorten(session, SESSION_NAMES);
  return JSON.stringify({
    ...rest,
    ...(session.tenants.length > 1 && { m: tenants }),
    ...(session.rotation !== undefined && { x: shorten(session.rotation, ROTATION_NAMES) }),
  });
}

export function readSession(id: SessionId, record: string): Session {
  const short = JSON.parse(record) as ShortRecord;
  const { rotation, ...rest } = lengthen(short, SESSION_NAMES);
  return {
    id,
    ...rest,
    tenants: rest.tenants ?? [rest.tenant],
    ...(rotation !== undefined && {
      rotation: lengthen(rotation as unknown as ShortRecord, ROTATION_NAMES),
    }),
  };
}

/** The revision, a space, and what is sealed. */
export function writeJar({ sealed, revision }: SealedJar): string {
  return `${revision} ${sealed}`;
}

export function readJar(record: string): SealedJar {
  const space = record.indexOf(' ');
  return { sealed: record.slice(space + 1), revision: Number(record.slice(0, space)) };
}

function shorten<T extends object>(record: T, names: ShortNames<T>): ShortRecord {
  return Object.fromEntries(
    namesOf(names).flatMap(([name, short]) => (record[name] === undefined ? [] : [[short, record[name]]])),
  );
}

function lengthen<T extends object>(record: ShortRecord, names: ShortNames<T>): T {
  return Object.fromEntries(
    namesOf(names).flatMap(([name, short]) => (record[short] === undefined ? [] : [[name, record[short]]])),
  ) as T;
}

function namesOf<T extends object>(names: ShortNames<T>): readonly [keyof T, string][] {
  return Object.entries(names) as [keyof T, string][];
}
