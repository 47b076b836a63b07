/**
 * The probe process: a fixed piece of work on the proxy's core, every 5 ms, timed. When it takes longer than
 * usual, something outside slows the core down (another machine on the same host, mostly), and so the proxy.
 */
import { hash } from 'node:crypto';
import { monotonicMs } from '../measure/clock.ts';
import type { ProbeReading } from './client.ts';

const PERIOD_MS = 5;
const BLOCK = Buffer.alloc(4096, 'gatehouse');
const BLOCKS = 6;

const readings: ProbeReading[] = [];

function probe(): void {
  const atMs = monotonicMs();
  for (let block = 0; block < BLOCKS; block += 1) hash('sha256', BLOCK);
  readings.push({ atMs, microseconds: (monotonicMs() - atMs) * 1000 });
}

setInterval(probe, PERIOD_MS);
process.on('disconnect', () => process.exit(0));
process.once('message', () => process.send?.(readings));
