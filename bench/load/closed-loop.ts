import { setTimeout as sleep, setImmediate as yieldToSockets } from 'node:timers/promises';
import { monotonicMs } from '../measure/clock.ts';
import { type CpuMeter, openCpuMeter } from '../measure/schedstat.ts';
import { openConnection, openConnections, requestsInTurn } from './connection.ts';
import type { ClosedLoopOrder, Window } from './orders.ts';
import { openWebSocket } from './web-socket.ts';

/** Longer than the kernel's longest tick: after it, an unchanged counter means an idle target. */
const LONGEST_TICK_MS = 11;

/**
 * Waits until the kernel has just brought the counter of the busiest thread up to date. It does so at each
 * switch and each tick only (4 ms at 250 Hz), which would be a large error in a window of 50 ms.
 */
async function freshCounter(meter: CpuMeter): Promise<void> {
  const before = meter.readBusiest();
  const deadline = monotonicMs() + LONGEST_TICK_MS;
  while (monotonicMs() < deadline && meter.readBusiest() === before) await yieldToSockets();
}

interface Reading {
  readonly atMs: number;
  readonly responses: number;
  readonly cpuNanoseconds: number;
}

function windowBetween(start: Reading, end: Reading): Window {
  return {
    startMs: start.atMs,
    endMs: end.atMs,
    responses: end.responses - start.responses,
    cpuMicroseconds: (end.cpuNanoseconds - start.cpuNanoseconds) / 1000,
  };
}

/** Keeps every connection busy and measures window by window. Throws when the target misbehaves. */
export async function runClosedLoop(order: ClosedLoopOrder): Promise<readonly Window[]> {
  let responses = 0;
  const failures: string[] = [];
  const connections = await openConnections(
    order.connections,
    order.port,
    requestsInTurn(order.requests),
    {
      onResponse(connection) {
        responses += 1;
        connection.send();
      },
      onFailure(reason) {
        failures.push(reason);
      },
    },
    order.webSocket ? openWebSocket : openConnection,
  );
  for (const connection of connections) connection.send();
  const windows: Window[] = [];
  try {
    await sleep(order.warmUpMs);
    const meter = openCpuMeter(order.pids);
    const read = async (): Promise<Reading> => {
      await freshCounter(meter);
      return { atMs: monotonicMs(), responses, cpuNanoseconds: meter.read() };
    };
    const end = monotonicMs() + order.durationMs;
    let start = await read();
    while (monotonicMs() < end && failures.length === 0) {
      await sleep(Math.max(1, Math.ceil(start.atMs + order.windowMs - monotonicMs())));
      const next = await read();
      windows.push(windowBetween(start, next));
      start = next;
    }
    meter.close();
  } finally {
    for (const connection of connections) connection.close();
  }
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return windows;
}
