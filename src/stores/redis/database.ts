import type { Logger } from 'pino';
import { StoreUnavailable } from '../../base/outage.ts';
import type { Change } from '../change-feed.ts';
import { ANNOUNCE, writeChange } from './change-entries.ts';
import type { ChangeReader } from './change-reader.ts';
import type { RedisConnection } from './connection.ts';
import { closedStore, lostData, unreadableRecord } from './failures.ts';
import type { RedisKeys } from './keys.ts';
import { createRecentSteps, type Step } from './recent-steps.ts';
import { defineScript, type Script } from './script.ts';

/** One field of a hash. */
export interface Field {
  readonly key: string;
  readonly field: string;
}

export type Write = readonly [
  command: 'HSET' | 'HDEL' | 'ZADD' | 'ZREM',
  key: string,
  ...args: (string | number)[],
];

export interface Decision<T> {
  readonly answer: T;
  readonly writes: readonly Write[];
  /** In order; empty for what changes no decision of any gateway. */
  readonly changes: readonly Change[];
}

/** What is decided when nothing is to be changed. */
export function unchanged<T>(answer: T): Decision<T> {
  return { answer, writes: [], changes: [] };
}

/** Values of the fields, in their order; `undefined` = not there. */
export type Values = readonly (string | undefined)[];

/** What one operation of a port is made of. Everything throws `StoreUnavailable`. */
export interface RedisSteps {
  ask(command: string, ...args: (string | number)[]): Promise<unknown>;
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Runs a script that announces and answers the number of its last change, or -1 if it changed nothing. */
  runChange(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<number>;
  /**
   * Makes what `decide` says of the fields come true if they are still so, else asks it again: a compare-and-set, whose
   * repetition after a lost answer changes nothing twice. The writes and the announcement are one atomic step. With
   * `assumeAbsent` the first decision is about fields that are not there, which spares creation a question; it must write.
   */
  decide<T>(
    fields: readonly Field[],
    decide: (values: Values) => Decision<T>,
    first?: 'read' | 'assumeAbsent',
  ): Promise<T>;
  /** Throws unless the store is the one that is followed: else what was not found before this may only be lost. */
  confirmEpoch(): Promise<void>;
}

/** What the ports are built on: each step is an operation of its own. */
export interface RedisDatabase extends RedisSteps {
  readonly keys: RedisKeys;
  /** Several steps that are one operation: closing waits for the last of them. */
  perform<T>(operation: (steps: RedisSteps) => Promise<T>): Promise<T>;
  /** Lets what was handed in finish, then takes no more. Idempotent. */
  close(): Promise<void>;
}

type StepOutcome =
  | { readonly kind: 'done'; readonly number: number }
  | { readonly kind: 'changed'; readonly values: Values };

/** Others won each time: one of them always does, so this many losses in a row mean a storm on one record. */
const ATTEMPTS = 500;

const DECIDE = defineScript(`${ANNOUNCE}
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local found, holds = {}, true
for _ = 1, tonumber(take()) do
  local value = redis.call('HGET', KEYS[tonumber(take())], take())
  found[#found + 1] = value
  if (value and '=' .. value or '') ~= take() then holds = false end
end
if not holds then return { 'changed', found } end
for _ = 1, tonumber(take()) do
  local command, key, arguments = take(), KEYS[tonumber(take())], {}
  for _ = 1, tonumber(take()) do arguments[#arguments + 1] = take() end
  redis.call(command, key, unpack(arguments))
end
while at < #ARGV do announce(take()) end
return { 'done', made or 0, entry }
`);

export function createDatabase(options: {
  readonly connection: RedisConnection;
  readonly reader: ChangeReader;
  readonly keys: RedisKeys;
  /** Milliseconds for which an acknowledgement waits for this process's own listeners. */
  readonly patience: number;
  readonly log: Logger;
}): RedisDatabase {
  const { keys } = options;
  const steps = createSteps(options);
  const pending = new Set<Promise<unknown>>();
  let isClosed = false;

  function perform<T>(operation: (steps: RedisSteps) => Promise<T>): Promise<T> {
    if (isClosed) return Promise.reject(closedStore());
    const running = operation(steps).catch((error: unknown) => {
      // A record that cannot be read back; anything else is an outage already, or a defect of the caller.
      throw error instanceof SyntaxError ? unreadableRecord() : error;
    });
    pending.add(running);
    return running.finally(() => pending.delete(running));
  }

  return {
    keys,
    perform,
    ask: (...args) => perform((steps) => steps.ask(...args)),
    run: (...args) => perform((steps) => steps.run(...args)),
    runChange: (...args) => perform((steps) => steps.runChange(...args)),
    decide: (...args) => perform((steps) => steps.decide(...args)),
    confirmEpoch: () => perform((steps) => steps.confirmEpoch()),
    async close() {
      isClosed = true;
      await Promise.allSettled(pending);
    },
  };
}

function createSteps(options: {
  readonly connection: RedisConnection;
  readonly reader: ChangeReader;
  readonly keys: RedisKeys;
  readonly patience: number;
  readonly log: Logger;
}): RedisSteps {
  const { connection, reader, keys, patience, log } = options;

  async function read(fields: readonly Field[]): Promise<Values> {
    const answers = await Promise.all(fields.map(({ key, field }) => connection.ask('HGET', key, field)));
    return answers.map((answer) => (answer as string | null) ?? undefined);
  }

  /** Acknowledged is what is durable in Redis; its listeners here are told first, unless the feed lags. */
  async function told(number: number): Promise<void> {
    if (number > 0) await reader.reached(number, patience);
  }

  /** What a later failover loses of it is made again. */
  async function decideStep(step: Step): Promise<StepOutcome> {
    const outcome = await connection.run(DECIDE, step.keys, step.args);
    const [kind, ...rest] = outcome as ['done', number, string] | ['changed', (string | null)[]];
    if (kind === 'changed') {
      const [values] = rest as [(string | null)[]];
      return { kind, values: values.map((value) => value ?? undefined) };
    }
    const [number, id] = rest as [number, string];
    if (number > 0) recent.made(step, { number, id });
    return { kind, number };
  }

  const recent = createRecentSteps({
    redo: async (step) => (await decideStep(step)).kind === 'done',
    log,
  });
  reader.follow(recent);

  return {
    ask: (...args) => connection.ask(...args),
    run: (...args) => connection.run(...args),

    async runChange(script, names, args) {
      const number = Number(await connection.run(script, [keys.feed, keys.changes, ...names], args));
      await told(number);
      return number;
    },

    async decide(fields, decide, first = 'read') {
      let values = first === 'read' ? await read(fields) : fields.map(() => undefined);
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const { answer, writes, changes } = decide(values);
        if (writes.length === 0) return answer;
        const outcome = await decideStep(describe(keys, fields, values, writes, changes));
        if (outcome.kind === 'done') {
          await told(outcome.number);
          return answer;
        }
        ({ values } = outcome);
      }
      throw new StoreUnavailable('The Redis store failed: too many change one record at the same time.');
    },

    async confirmEpoch() {
      if ((await connection.ask('HGET', keys.feed, 'epoch')) !== reader.epoch) throw lostData();
    },
  };
}

/** Keys and arguments of DECIDE. An absent value is '', a value is written behind '='. */
function describe(
  keys: RedisKeys,
  fields: readonly Field[],
  values: Values,
  writes: readonly Write[],
  changes: readonly Change[],
): Step {
  const names = [
    ...new Set([keys.feed, keys.changes, ...fields.map(({ key }) => key), ...writes.map(([, key]) => key)]),
  ];
  const indexOf = (key: string): number => names.indexOf(key) + 1;
  const checks = fields.flatMap(({ key, field }, index) => {
    const value = values[index];
    return [indexOf(key), field, value === undefined ? '' : `=${value}`];
  });
  const steps = writes.flatMap(([command, key, ...args]) => [command, indexOf(key), args.length, ...args]);
  return {
    keys: names,
    args: [fields.length, ...checks, writes.length, ...steps, ...changes.map(writeChange)],
  };
}
