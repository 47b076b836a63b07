/** The entry of a thread that loads one configuration and ends. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type LoadOptions, type LoadResult, loadConfig } from './load.ts';
import { partsOf } from './settings-parts.ts';

export interface ThreadOrder extends LoadOptions {
  readonly file: string;
  /** Where the settings go, in parts, before the answer comes. */
  readonly parts: MessagePort;
}

/** The result of `loadConfig`, without the settings. */
export type ThreadAnswer =
  | Extract<LoadResult, { readonly ok: false }>
  | (Omit<Extract<LoadResult, { readonly ok: true }>, 'settings'> & { readonly parts: number });

const { file, env, parts } = workerData as ThreadOrder;
parentPort?.postMessage(answerOf(loadConfig(file, { env })), []);

function answerOf(result: LoadResult): ThreadAnswer {
  if (!result.ok) return result;
  const { settings, ...rest } = result;
  const all = partsOf(settings);
  for (const part of all) parts.postMessage(part, []);
  return { ...rest, parts: all.length };
}
