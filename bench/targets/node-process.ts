import path from 'node:path';
import type { Target } from './target.ts';

/** A target that is a file of `processes/`, run on the Node that runs the benchmark. */
export function nodeProcess(name: string, about: string): Target {
  const file = path.join(import.meta.dirname, 'processes', `${name}.ts`);
  return {
    name,
    about,
    isNode: true,
    prepare: ({ port, upstreamPort }) => ({
      command: process.execPath,
      args: [file, String(port), `http://127.0.0.1:${upstreamPort}`],
    }),
  };
}
