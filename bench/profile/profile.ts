import { mkdir, writeFile } from 'node:fs/promises';
import type { Profiler } from 'node:inspector/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Lab } from '../measure/lab.ts';
import { nextMessage } from '../process/messages.ts';
import type { Target } from '../targets/target.ts';
import { hotSpots } from './hot-spots.ts';

export const SAMPLING_MICROSECONDS = 200;

const HOOK = pathToFileURL(path.join(import.meta.dirname, 'hook.ts')).href;
const CONNECTIONS = 64;
const WARM_UP_MS = 3000;

export interface ProfileOrder {
  readonly target: Target;
  /** Load under the profiler; the warm-up before it is not in the profile. */
  readonly seconds: number;
  /** Made when it is missing. */
  readonly folder: string;
}

/** Profiles a target under closed-loop load. Returns the report; the profile itself is in the file that it names. */
export async function profileTarget(lab: Lab, { target, seconds, folder }: ProfileOrder): Promise<string> {
  const running = await lab.launch(target, { nodeOptions: `--import=${HOOK}` });
  const load = (durationMs: number) =>
    lab.load.run({
      kind: 'closedLoop',
      port: running.port,
      requests: running.requests,
      connections: CONNECTIONS,
      warmUpMs: 0,
      durationMs,
      pids: [running.process.pid],
      windowMs: durationMs,
    });
  await load(WARM_UP_MS);
  running.process.child.send('start');
  await nextMessage(running.process);
  const windows = await load(seconds * 1000);
  running.process.child.send('finish');
  const profile = (await nextMessage(running.process)) as Profiler.Profile;
  await running.process.stop();
  await mkdir(folder, { recursive: true });
  const file = path.resolve(folder, `${target.name}.cpuprofile`);
  await writeFile(file, JSON.stringify(profile));
  const responses = windows.reduce((sum, window) => sum + window.responses, 0);
  return `${hotSpots(profile, responses)}\n\n${responses} responses. Profile, for Chrome's DevTools or VS Code: ${file}`;
}
