import type { Logger } from 'pino';
import { StoreUnavailable } from '../../base/outage.ts';
import type { RedisConnection } from './connection.ts';
import { describeFailure } from './failures.ts';

/** What the server says of itself. */
export interface RedisServerStatus {
  /** `Redis 7.0.15`, say; `undefined` if the ACL forbids to ask. */
  readonly version?: string;
  /** One sentence: what of the acknowledged writes a crash of the server may take back. */
  readonly durability: string;
}

const OLDEST: Readonly<Record<'Redis' | 'Valkey', readonly [number, number]>> = {
  Redis: [6, 2],
  Valkey: [7, 2],
};

export interface ServerCheck {
  readonly place: string;
  /** Sentinels may promote a replica, while the primary goes on for those that still reach it. */
  readonly isFailedOver: boolean;
  readonly log: Logger;
}

/**
 * Asks every server that takes writes. Throws `StoreUnavailable` for one that is too old, or that evicts: it would
 * forget revocations without a word. What the ACL forbids to ask is said in a warning, and taken to be right.
 */
export async function checkServer(
  connection: RedisConnection,
  { place, isFailedOver, log }: ServerCheck,
): Promise<RedisServerStatus> {
  const infos = await askAll(connection, log, 'INFO');
  const statuses = infos.map((info) => checkInfo(readInfo(info), place));
  const configs = await askAll(connection, log, 'CONFIG', 'GET', 'appendfsync');
  const persistence = infos.map((info) => readInfo(info).get('aof_enabled'));
  const policies = configs.map((answer) => (answer as string[])[1]);
  const durability = describeDurability(persistence, policies);
  if (isFailedOver) await checkReplication(connection, log);
  log.info({ store: place, version: statuses[0], durability }, 'the store is open');
  return { ...(statuses[0] !== undefined && { version: statuses[0] }), durability };
}

/** A primary that lost its replicas may have been replaced: one that goes on taking writes makes two truths. */
async function checkReplication(connection: RedisConnection, log: Logger): Promise<void> {
  const answers = await askAll(connection, log, 'CONFIG', 'GET', 'min-replicas-to-write');
  if (answers.some((answer) => (answer as string[])[1] === '0')) {
    log.warn(
      'min-replicas-to-write is 0: a primary that is cut off and replaced goes on taking changes, which are lost, and gateways that still reach it do not learn of revocations elsewhere',
    );
  }
}

/** Empty if it is forbidden. */
async function askAll(
  connection: RedisConnection,
  log: Logger,
  command: string,
  ...args: string[]
): Promise<readonly unknown[]> {
  try {
    return await connection.askPrimaries(command, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !/NOPERM|unknown command/i.test(error.message)) {
      throw new StoreUnavailable(`The Redis store failed: ${describeFailure(error)}.`);
    }
    log.warn(
      { command: [command, ...args].join(' ') },
      'the server does not let the gateway ask this, so that version, eviction or durability is not checked',
    );
    return [];
  }
}

function readInfo(answer: unknown): ReadonlyMap<string, string> {
  const lines = String(answer).split('\r\n');
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** Name and version. */
function checkInfo(info: ReadonlyMap<string, string>, place: string): string | undefined {
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw new StoreUnavailable(
      `The store, ${place}, may evict what is revoked (maxmemory-policy ${policy}): set maxmemory-policy noeviction.`,
    );
  }
  const name = info.has('valkey_version') ? 'Valkey' : 'Redis';
  const version = info.get(name === 'Valkey' ? 'valkey_version' : 'redis_version');
  if (version === undefined) return undefined;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST[name];
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw new StoreUnavailable(
      `The store, ${place}, is ${name} ${version}: ${name} ${oldestMajor}.${oldestMinor} or newer is needed.`,
    );
  }
  return `${name} ${version}`;
}

/** The weakest of the servers decides. */
function describeDurability(
  aofEnabled: readonly (string | undefined)[],
  appendfsync: readonly (string | undefined)[],
): string {
  if (aofEnabled.length === 0) return 'Unknown: the server does not let the gateway ask.';
  if (aofEnabled.some((enabled) => enabled !== '1')) {
    return 'None: without appendonly a crash of the server loses every change since its last snapshot.';
  }
  if (appendfsync.length === 0) return 'Append-only; appendfsync is unknown, since the server does not tell.';
  if (appendfsync.every((policy) => policy === 'always')) {
    return 'Full: appendfsync always, so that no acknowledged change is lost in a crash of the server.';
  }
  if (appendfsync.includes('no')) {
    return 'Weak: with appendfsync no, a crash of the machine loses what its system had not yet written.';
  }
  return 'Up to a second: with appendfsync everysec, a crash of the machine loses the changes of about one second.';
}
