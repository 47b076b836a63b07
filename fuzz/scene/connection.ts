import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Step } from '../generate/case.ts';

/** What came back on one connection. */
export interface Heard {
  /** Latin-1. */
  readonly text: string;
  /** `never`: it was still open when nobody could expect anything more. */
  readonly ending: 'closed' | 'reset' | 'never';
}

/** Longer than anything may take that is cut after `PATIENCE_MS`. */
const NEVER_MS = 8_000;

/** Plays the part of the client, and listens until the connection is closed. */
export async function play(port: number, steps: readonly Step[]): Promise<Heard> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const heard: string[] = [];
  let ending: Heard['ending'] = 'closed';
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  socket.on('data', (bytes: Buffer) => heard.push(bytes.toString('latin1')));
  socket.on('end', () => socket.end());
  socket.on('error', () => {
    ending = 'reset';
  });
  const timer = setTimeout(() => {
    ending = 'never';
    socket.destroy();
  }, NEVER_MS);
  for (const step of steps) {
    if (socket.destroyed) break;
    switch (step.kind) {
      case 'send':
        if (socket.writable) socket.write(step.text, 'latin1');
        break;
      case 'pause':
        await pause(step.milliseconds);
        break;
      case 'halfClose':
        socket.end();
        break;
      case 'reset':
        ending = 'reset';
        socket.resetAndDestroy();
    }
  }
  await closed;
  clearTimeout(timer);
  return { text: heard.join(''), ending };
}
