import { StoreUnavailable } from '../../base/outage.ts';

/** First word of the error that our own scripts answer with when the epoch is gone. */
export const DATA_LOST = 'DATALOST';

/** First words of the errors that Redis answers with, and what they mean to an operator. */
const ANSWERS: Readonly<Record<string, string>> = {
  [DATA_LOST]:
    'the server has lost the data of the gateways: bring its backup back, or start a gateway anew to accept that',
  READONLY: 'the server is a replica and takes no writes',
  LOADING: 'the server is loading its data',
  OOM: 'the server has reached maxmemory and takes no more data',
  MISCONF: 'the server cannot write to its disk and takes no writes',
  NOREPLICAS: 'the server has too few replicas and takes no writes',
  NOAUTH: 'the server wants a user name and a password',
  WRONGPASS: 'the server does not know this user name and password',
  NOPERM: 'the ACL of the user forbids a command or a key that is needed',
  MASTERDOWN: 'the server is a replica that has lost its primary',
  CLUSTERDOWN: 'the cluster is down',
  MOVED: 'the slot is on the move in the cluster',
  ASK: 'the slot is on the move in the cluster',
  TRYAGAIN: 'the slot is on the move in the cluster',
  CROSSSLOT: 'the keys of one step are in several slots',
  BUSY: 'the server is busy with a long script',
  UNBLOCKED: 'the server lost its role as the primary',
  WRONGTYPE: 'a key has the type of another program: choose another key prefix',
};

/** What ioredis says when there is no connection, as far as it gives no code. */
const CONNECTION_LOST =
  /Connection is closed|isn't writeable|isn't ready|max retries per request|ended|None of startup nodes/;

export function closedStore(): StoreUnavailable {
  return new StoreUnavailable('The Redis store is closed.');
}

/** What is not there now may have been there: nobody may be refused for want of it. */
export function lostData(): StoreUnavailable {
  return new StoreUnavailable(`The Redis store failed: ${ANSWERS[DATA_LOST]} (${DATA_LOST}).`);
}

export function unreadableRecord(): StoreUnavailable {
  return new StoreUnavailable('The Redis store holds a record that cannot be read.');
}

/**
 * What every failed command rejects with: an outage, whatever the server or the network said. Only a word of it is
 * repeated and nothing is attached, since the errors of the client carry the arguments of the command, a password too.
 */
export function redisFailure(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(`The Redis store failed: ${describeFailure(error)}.`);
}

/** One clause that names no secret and no data. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined) return `the connection failed (${code})`;
  if (/timed? ?out/i.test(error.message)) return 'it did not answer in time';
  if (CONNECTION_LOST.test(error.message)) return 'there is no connection';
  if (/can't run this command|can't access/.test(error.message)) return `${ANSWERS['NOPERM']} (NOPERM)`;
  const word = /^[A-Z]{3,16}\b/.exec(error.message)?.[0];
  if (word === undefined) return `of an unexpected ${error.name}`;
  const meaning = ANSWERS[word];
  return meaning === undefined ? `the server answered ${word}` : `${meaning} (${word})`;
}

export function isScriptUnknown(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
