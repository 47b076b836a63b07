import { setImmediate as yieldToSockets } from 'node:timers/promises';
import { type Connection, openConnections, requestsInTurn } from './connection.ts';
import type { OverloadOrder, OverloadOutcome } from './orders.ts';

/** Opened at a time: fewer than the shortest backlog of a listener. */
const BATCH = 100;
/** Node's timers count whole milliseconds. This naps a fraction of one and leaves the core to the upstream meanwhile. */
const NAP_MS = 0.05;
const nobodyWakesThis = new Int32Array(new SharedArrayBuffer(4));

/**
 * More requests than the target can answer: they are due at a fixed rate, and a latency counts from that moment. 503 is an answer like
 * any other, and counted apart; what is not answered when the time is over is counted too. Throws on anything else.
 */
export async function runOverload(order: OverloadOrder): Promise<OverloadOutcome> {
  const idle: Connection[] = [];
  const dueAt = new Map<Connection, number>();
  const admitted: number[] = [];
  const refused: number[] = [];
  const failures: string[] = [];
  let measureFrom = Number.POSITIVE_INFINITY;
  function take(connection: Connection, latencies: number[]): void {
    const due = dueAt.get(connection) ?? 0;
    dueAt.delete(connection);
    idle.push(connection);
    if (due >= measureFrom) latencies.push((performance.now() - due) * 1000);
  }
  const connections: Connection[] = [];
  try {
    while (connections.length < order.connections) {
      const count = Math.min(BATCH, order.connections - connections.length);
      const opened = await openConnections(count, order.port, requestsInTurn(order.requests), {
        onResponse: (connection) => take(connection, admitted),
        onRefused: (connection) => take(connection, refused),
        onFailure: (reason) => void failures.push(reason),
      });
      connections.push(...opened);
    }
    idle.push(...connections);
    const begin = performance.now();
    measureFrom = begin + order.warmUpMs;
    const end = measureFrom + order.durationMs;
    const intervalMs = 1000 / order.ratePerSecond;
    let sent = 0;
    for (let now = begin; now < end && failures.length === 0; now = performance.now()) {
      for (let due = begin; due <= now; ) {
        due = begin + sent * intervalMs;
        const connection = due <= now ? idle.shift() : undefined;
        if (connection === undefined) break;
        dueAt.set(connection, due);
        connection.send();
        sent += 1;
      }
      Atomics.wait(nobodyWakesThis, 0, 0, NAP_MS);
      await yieldToSockets();
    }
    if (failures[0] !== undefined) throw new Error(failures[0]);
    const due = Math.floor((order.warmUpMs + order.durationMs) / intervalMs);
    return { admitted, refused, unanswered: dueAt.size + Math.max(0, due - sent) };
  } finally {
    for (const connection of connections) connection.close();
  }
}
