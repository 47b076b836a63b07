import { openSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';
import { redactMembers, redactText, withoutQuery } from './redaction.ts';

export type Log = Logger;

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** File descriptor or path; standard output by default. */
  readonly destination?: number | string;
  /** Other processes write there too: each line names its process, and no line is written into another. */
  readonly isShared?: boolean;
}

export interface LogOutput {
  readonly log: Log;
  /** Writes out what is buffered; synchronous, for the end of the process. */
  readonly flush: () => void;
}

/** Bytes gathered before a write; from 16,384 on pino writes in pieces. */
const BUFFER_BYTES = 8192;
/** What a pipe takes at once (PIPE_BUF of Linux): writes up to it do not mix. */
const SHARED_WRITE_BYTES = 4096;
/** The longest that a line waits for others. */
const FLUSH_MILLISECONDS = 500;
/** Causes that are followed; a chain may be a cycle. */
const CAUSE_DEPTH = 4;

/**
 * JSON lines. Three nets keep credentials out: members that are known to hold one are redacted by name, serializers
 * keep only named members of errors and requests, and what still looks like a credential is cut from the finished line.
 * Buffered: a crash by signal loses at most `FLUSH_MILLISECONDS` of lines; exit flushes.
 */
export function createLog({ level, destination = 1, isShared = false }: LogOptions): LogOutput {
  const stream = pino.destination({
    // Opened here, so that a path that cannot be written stops the start instead of crashing the process later.
    dest: typeof destination === 'string' ? openSync(destination, 'a', 0o640) : destination,
    sync: false,
    minLength: isShared ? SHARED_WRITE_BYTES / 2 : BUFFER_BYTES,
    ...(isShared && { maxWrite: SHARED_WRITE_BYTES }),
    periodicFlush: FLUSH_MILLISECONDS,
  });
  return {
    log: logTo(stream, level, isShared ? { pid: process.pid } : null),
    flush: () => stream.flushSync(),
  };
}

function logTo(
  stream: DestinationStream,
  level: LogOptions['level'],
  base: { readonly pid: number } | null,
): Log {
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactMembers },
      serializers: {
        err: (error: unknown) => describeError(error, CAUSE_DEPTH),
        error: (error: unknown) => describeError(error, CAUSE_DEPTH),
        req: describeRequest,
        res: describeResponse,
        url: (url: unknown) => withoutQuery(String(url)),
        path: (path: unknown) => withoutQuery(String(path)),
      },
      hooks: { streamWrite: redactText },
    },
    stream,
  );
}

interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/** Named members only: errors of HTTP clients carry whole requests, header fields included. */
function describeError(error: unknown, depth: number): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error' };
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth > 0 && { cause: describeError(error.cause, depth - 1) }),
  };
}

function describeRequest(request: unknown): object {
  const method = memberOf(request, 'method');
  const url = memberOf(request, 'url');
  return {
    ...(typeof method === 'string' && { method }),
    ...(typeof url === 'string' && { path: withoutQuery(url) }),
  };
}

function describeResponse(response: unknown): object {
  const status = memberOf(response, 'statusCode');
  return typeof status === 'number' ? { status } : {};
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
