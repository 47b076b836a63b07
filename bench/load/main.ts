/** The load process: takes one order at a time over its IPC channel, and ends when that closes. */
import { runClosedLoop } from './closed-loop.ts';
import { runFixedRate } from './fixed-rate.ts';
import { createHolder } from './holder.ts';
import type { Answer, Order, Orders } from './orders.ts';
import { runOverload } from './overload.ts';

const holder = createHolder();

async function outcomeOf(order: Order): Promise<Orders[keyof Orders]['outcome']> {
  switch (order.kind) {
    case 'closedLoop':
      return await runClosedLoop(order);
    case 'fixedRate':
      return await runFixedRate(order);
    case 'overload':
      return await runOverload(order);
    case 'hold':
      await holder.hold(order);
      return null;
    case 'release':
      return holder.release();
  }
}

async function carryOut(order: Order): Promise<Answer> {
  try {
    return { kind: 'done', outcome: await outcomeOf(order) };
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  void carryOut(order).then((answer) => process.send?.(answer));
});
