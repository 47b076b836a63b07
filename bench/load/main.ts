/** The load process: takes one order at a time over its IPC channel, and ends when that closes. */
import { runClosedLoop } from './closed-loop.ts';
import { runFixedRate } from './fixed-rate.ts';
import type { Answer, Order } from './orders.ts';

async function carryOut(order: Order): Promise<Answer> {
  try {
    const outcome = order.kind === 'closedLoop' ? await runClosedLoop(order) : await runFixedRate(order);
    return { kind: 'done', outcome };
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  void carryOut(order).then((answer) => process.send?.(answer));
});
