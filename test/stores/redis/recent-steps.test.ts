import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createRecentSteps, type Step } from '../../../src/stores/redis/recent-steps.ts';
import { until } from '../../support/redis.ts';

const log = pino({ level: 'silent' });

function step(name: string): Step {
  return { keys: [name], args: [] };
}

/** What was made again, in order; `refuses` says which steps no longer fit. */
function createTrial(refuses: (name: string, attempt: number) => boolean = () => false) {
  const redone: string[] = [];
  let attempts = 0;
  const steps = createRecentSteps({
    async redo({ keys: [name = ''] }) {
      attempts += 1;
      if (refuses(name, attempts)) return false;
      redone.push(name);
      return true;
    },
    log,
  });
  return { steps, redone, attempts: () => attempts };
}

describe('changes of this gateway that a store with another past', () => {
  it('has lost are made again in their order, and those that it has are not', async () => {
    const { steps, redone } = createTrial();
    for (let number = 1; number <= 5; number += 1)
      steps.made(step(`n${number}`), { number, id: `${number}-0` });
    steps.rewound(
      new Map([
        [2, '2-0'],
        [3, '3-0'],
        [4, '9-9'],
      ]),
    );
    await until('they are made again', () => redone.length === 2);
    // Of the first one nothing is known: the stream has been trimmed.
    expect(redone).toEqual(['n4', 'n5']);
    steps.close();
  });

  it('never had are made again when another entry is told under their number', async () => {
    const { steps, redone } = createTrial();
    steps.made(step('kept'), { number: 7, id: '7-0' });
    steps.made(step('lost'), { number: 8, id: '8-0' });
    steps.told({ number: 7, id: '7-0' });
    steps.told({ number: 8, id: '8-1' });
    await until('it is made again', () => redone.length > 0);
    expect(redone).toEqual(['lost']);
    steps.close();
  });

  it('are made again though the store begins at its first entry', async () => {
    const { steps, redone } = createTrial();
    steps.made(step('first'), { number: 1, id: '1-0' });
    steps.rewound(new Map());
    await until('it is made again', () => redone.length === 1);
    steps.close();
  });

  it('wait for one that they rest on, which another gateway makes again', async () => {
    const { steps, redone, attempts } = createTrial((name, attempt) => name === 'second' && attempt < 4);
    steps.made(step('first'), { number: 1, id: '1-0' });
    steps.made(step('second'), { number: 2, id: '2-0' });
    steps.rewound(new Map());
    await until('both are made again', () => redone.length === 2);
    expect([redone, attempts()]).toEqual([['first', 'second'], 4]);
    steps.close();
  });
});
