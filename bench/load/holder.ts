import { type Connection, openConnections, requestsInTurn } from './connection.ts';
import type { HoldOrder } from './orders.ts';

/** Opened at a time: fewer than the shortest backlog of a listener. */
const BATCH = 100;

export interface Holder {
  /** Returns when each connection has had one answer. Throws when one has not, and closes all. */
  hold(order: HoldOrder): Promise<void>;
  /** Closes all. Returns how many the target had left open. */
  release(): number;
}

export function createHolder(): Holder {
  const open = new Set<Connection>();

  async function holdSome(order: HoldOrder, count: number): Promise<void> {
    const failures: string[] = [];
    let answered = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const connections = await openConnections(count, order.port, requestsInTurn([order.request]), {
      onResponse() {
        answered += 1;
        if (answered === count) resolve();
      },
      onFailure(reason, connection) {
        open.delete(connection);
        failures.push(reason);
        resolve();
      },
    });
    for (const connection of connections) {
      open.add(connection);
      connection.send();
    }
    await promise;
    if (answered < count) throw new Error(failures[0]);
  }

  function release(): number {
    const count = open.size;
    for (const connection of open) connection.close();
    open.clear();
    return count;
  }

  return {
    async hold(order) {
      try {
        for (let held = 0; held < order.connections; held += BATCH)
          await holdSome(order, Math.min(BATCH, order.connections - held));
      } catch (error) {
        release();
        throw error;
      }
    },
    release,
  };
}
