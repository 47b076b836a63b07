import { setImmediate as yieldToSockets } from 'node:timers/promises';
import { type Connection, openConnections, requestsInTurn } from './connection.ts';
import type { FixedRateOrder } from './orders.ts';

/** Node's timers count whole milliseconds. This naps a fraction of one and leaves the core to the upstream meanwhile. */
const NAP_MS = 0.05;
const nobodyWakesThis = new Int32Array(new SharedArrayBuffer(4));

/** How long answers may take once the last request is due. */
const GRACE_MS = 2000;

/**
 * Open loop: a request that is due while all connections are busy waits, and its waiting counts, so that a
 * stall of the target shows in all the requests that it delayed. Throws when the target misbehaves.
 */
export async function runFixedRate(order: FixedRateOrder): Promise<readonly number[]> {
  const idle: Connection[] = [];
  const dueAt = new Map<Connection, number>();
  const latencies: number[] = [];
  const failures: string[] = [];
  const connections = await openConnections(order.connections, order.port, requestsInTurn(order.requests), {
    onResponse(connection) {
      const due = dueAt.get(connection) ?? 0;
      dueAt.delete(connection);
      idle.push(connection);
      if (due >= measureFrom) latencies.push((performance.now() - due) * 1000);
    },
    onFailure(reason) {
      failures.push(reason);
    },
  });
  idle.push(...connections);
  const intervalMs = 1000 / order.ratePerSecond;
  const begin = performance.now();
  const measureFrom = begin + order.warmUpMs;
  const end = begin + (order.warmUpMs + order.durationMs);
  let sent = 0;
  let nextDue = begin;
  try {
    while (failures.length === 0 && (nextDue < end || dueAt.size > 0)) {
      const now = performance.now();
      if (now > end + GRACE_MS) throw new Error(`could not keep up with ${order.ratePerSecond} requests/s`);
      while (nextDue <= now && nextDue < end) {
        const connection = idle.shift();
        if (connection === undefined) break;
        dueAt.set(connection, nextDue);
        connection.send();
        sent += 1;
        // Not a running sum, whose rounding errors would add up.
        nextDue = begin + sent * intervalMs;
      }
      Atomics.wait(nobodyWakesThis, 0, 0, NAP_MS);
      await yieldToSockets();
    }
  } finally {
    for (const connection of connections) connection.close();
  }
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return latencies;
}
