import { createServer } from 'node:http';
import { processArguments, UPSTREAM_CONNECTIONS } from './arguments.ts';
import { createPassThrough } from './pass-through.ts';

/** Longer than idle connections are looked at. */
const IDLE_MS = 600_000;

const { port, upstream } = processArguments();
createServer({ keepAliveTimeout: IDLE_MS }, createPassThrough(upstream, UPSTREAM_CONNECTIONS)).listen(
  port,
  '127.0.0.1',
);
