import { once } from 'node:events';
import { statSync } from 'node:fs';
import path from 'node:path';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { runPaced, type Steps } from '../base/paced.ts';
import { type LoadOptions, type LoadResult, loadConfig } from './load.ts';
import type { ThreadAnswer, ThreadOrder } from './load-thread.ts';
import type { Settings } from './schema/config.ts';
import { addPart, type SettingsPart } from './settings-parts.ts';

export interface LoadApartOptions extends LoadOptions {
  /** Told why the thread could not do it. */
  readonly onTrouble: (error: unknown) => void;
  /** Default: 20,000. */
  readonly patienceMilliseconds?: number;
  /** Module that the thread runs; default: ours. */
  readonly thread?: URL;
}

/** A file of so many bytes is loaded sooner than a thread starts. */
const LARGEST_IN_PLACE = 16 * 1024;
const PATIENCE_MILLISECONDS = 20_000;
/** Beside this file, from src/ as from dist/. */
const THREAD = new URL(`./load-thread${path.extname(import.meta.url)}`, import.meta.url);

/**
 * As `loadConfig`, but a large file is loaded by a thread that lives no longer than that, so that requests go on being served. Where
 * the thread fails or takes too long, the file is loaded in place. Never rejects.
 */
export async function loadConfigApart(file: string, options: LoadApartOptions): Promise<LoadResult> {
  const { env, onTrouble, patienceMilliseconds = PATIENCE_MILLISECONDS, thread = THREAD } = options;
  if (sizeOf(file) <= LARGEST_IN_PLACE) return loadConfig(file, { env });
  try {
    return await loadInThread({ file, env: { ...env } }, thread, patienceMilliseconds);
  } catch (error) {
    onTrouble(error);
    return loadConfig(file, { env });
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    // Loading it says better what is wrong.
    return 0;
  }
}

async function loadInThread(
  order: Omit<ThreadOrder, 'parts'>,
  thread: URL,
  patienceMilliseconds: number,
): Promise<LoadResult> {
  const { port1: received, port2: parts } = new MessageChannel();
  const worker = new Worker(thread, {
    name: 'load-configuration',
    workerData: { ...order, parts } satisfies ThreadOrder,
    transferList: [parts],
    execArgv: [],
  });
  // A gateway that stops does not wait for it.
  worker.unref();
  try {
    const answer = await answerOf(worker, patienceMilliseconds);
    if (!answer.ok) return answer;
    const { parts: count, ...rest } = answer;
    return { ...rest, settings: await runPaced(settingsFrom(received, count)) };
  } finally {
    received.close();
    void worker.terminate();
  }
}

async function answerOf(worker: Worker, patienceMilliseconds: number): Promise<ThreadAnswer> {
  const patience = AbortSignal.timeout(patienceMilliseconds);
  const ended = once(worker, 'exit', { signal: patience }).then(() => {
    throw new Error('the thread ended without an answer');
  });
  // An `error` of the thread rejects it.
  const answered = once(worker, 'message', { signal: patience });
  const [answer] = await Promise.race([answered, ended]);
  return answer as ThreadAnswer;
}

function* settingsFrom(port: MessagePort, count: number): Steps<Settings> {
  const settings: Record<string, unknown> = {};
  for (let index = 0; index < count; index += 1) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) throw new Error('a part of the settings is missing');
    addPart(settings, received.message as SettingsPart);
    yield;
  }
  // All that the schema let through on the other side.
  return settings as Settings;
}
