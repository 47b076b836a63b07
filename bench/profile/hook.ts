/**
 * Loaded into a target by `--import`: profiles its main thread from the message `start` to the message `finish`,
 * which it answers with the profile. So the profile has the load in it, and neither start-up nor warm-up.
 */
import { Session } from 'node:inspector/promises';
import { SAMPLING_MICROSECONDS } from './profile.ts';

const session = new Session();
session.connect();

process.on('message', (message) => {
  void answer(message).then((reply) => process.send?.(reply));
});
// The target ends as it would without a profiler, once nothing of its own is left to do.
process.channel?.unref();

async function answer(message: unknown): Promise<unknown> {
  if (message === 'finish') return (await session.post('Profiler.stop')).profile;
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_MICROSECONDS });
  await session.post('Profiler.start');
  return 'started';
}
