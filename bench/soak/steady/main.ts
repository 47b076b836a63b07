/** The steady load, as a process of its own: requests at a fixed rate, reported every quarter of a second. Ends when its channel closes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../measure/clock.ts';
import { percentile } from '../../measure/percentile.ts';
import type { Outcome } from '../judge/rules.ts';
import { openSteadyConnection, type SteadyConnection } from './connection.ts';
import type { SteadyOrder, SteadyReport } from './messages.ts';

const REPORT_MS = 250;
const TICK_MS = 1;
/** Of requests that are due while every connection is busy, so many are made up for. */
const MOST_BEHIND_MS = 200;

const state = { isEnding: false };
let outcomes = new Map<Outcome, number>();
let latencies: number[] = [];
let firstSentAt = Number.POSITIVE_INFINITY;
let lastAnsweredAt = 0;

function report(isLast: boolean): void {
  if (outcomes.size > 0 || isLast) {
    const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
    const message: SteadyReport = {
      fromMs: Math.min(firstSentAt, lastAnsweredAt),
      toMs: lastAnsweredAt,
      outcomes: [...outcomes],
      ...(p50Ms !== undefined && p99Ms !== undefined && { p50Ms, p99Ms }),
      isLast,
    };
    process.send?.(message);
  }
  outcomes = new Map();
  latencies = [];
  firstSentAt = Number.POSITIVE_INFINITY;
}

async function run(order: Extract<SteadyOrder, { kind: 'begin' }>): Promise<void> {
  const request = Buffer.from(order.request, 'latin1');
  const idle: SteadyConnection[] = [];
  const load = { underWay: 0 };
  const all = Array.from({ length: order.connections }, () => {
    const times = { due: 0, sent: 0 };
    const connection = openSteadyConnection(order.port, (outcome) => {
      lastAnsweredAt = monotonicMs();
      firstSentAt = Math.min(firstSentAt, times.sent);
      latencies.push(lastAnsweredAt - times.due);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      load.underWay -= 1;
      idle.push(slot);
    });
    const slot: SteadyConnection = {
      send(bytes) {
        times.due = due;
        times.sent = monotonicMs();
        connection.send(bytes);
      },
      close: () => connection.close(),
    };
    idle.push(slot);
    return slot;
  });
  const intervalMs = 1000 / order.ratePerSecond;
  const reporting = setInterval(report, REPORT_MS, false);
  let due = monotonicMs();
  while (!state.isEnding) {
    const now = monotonicMs();
    due = Math.max(due, now - MOST_BEHIND_MS);
    while (due <= now) {
      const connection = idle.shift();
      if (connection === undefined) break;
      load.underWay += 1;
      connection.send(request);
      due += intervalMs;
    }
    await sleep(TICK_MS);
  }
  while (load.underWay > 0) await sleep(TICK_MS);
  clearInterval(reporting);
  for (const connection of all) connection.close();
  report(true);
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: SteadyOrder) => {
  state.isEnding = order.kind === 'end';
  if (order.kind === 'begin') void run(order);
});
