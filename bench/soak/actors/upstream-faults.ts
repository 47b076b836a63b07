import type { Asker } from '../judge/rules.ts';
import { type Actor, askAndNote, publicPlace, withKey } from './stage.ts';

const FAULTS: readonly (readonly [Asker, string])[] = [
  ['upstream 503', '503'],
  ['upstream resets', 'reset'],
  ['upstream stalls', 'stall'],
  ['upstream talks garbage', 'garbage'],
  ['upstream cuts its body', 'short'],
  ['upstream stops in its head', 'head'],
];

/** Each fault once, side by side; POST, which is never sent twice. */
export const upstreamFaults: Actor = {
  name: 'upstream faults',
  everyMs: 400,
  async act(stage, turn) {
    const gateway = turn % 3 === 0 ? stage.tls : stage.plain;
    await Promise.all(
      FAULTS.map(([asker, fault]) =>
        askAndNote(stage, asker, {
          ...publicPlace(gateway),
          method: 'POST',
          path: `/faults/${fault}`,
          headers: withKey(stage.key),
          body: '{}',
        }),
      ),
    );
  },
};
