import path from 'node:path';
import { nextMessage } from '../process/messages.ts';
import type { Supervisor } from '../process/supervisor.ts';
import type { Answer, Order, Orders } from './orders.ts';

/** The load process, seen from the one that gives the orders. */
export interface LoadClient {
  /** Throws what the target did wrong. One order at a time. */
  run<Kind extends keyof Orders>(
    order: Orders[Kind]['order'] & { kind: Kind },
  ): Promise<Orders[Kind]['outcome']>;
}

export function startLoad(supervisor: Supervisor, core: number): LoadClient {
  const managed = supervisor.start({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'main.ts')],
    core,
    ipc: true,
  });
  return {
    async run<Kind extends keyof Orders>(order: Orders[Kind]['order'] & { kind: Kind }) {
      managed.child.send(order satisfies Order);
      const answer = (await nextMessage(managed)) as Answer;
      if (answer.kind === 'failed') throw new Error(answer.reason);
      return answer.outcome;
    },
  };
}
