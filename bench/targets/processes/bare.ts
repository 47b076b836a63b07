import { createServer } from 'node:http';
import { processArguments, UPSTREAM_CONNECTIONS } from './arguments.ts';
import { createPassThrough } from './pass-through.ts';

const { port, upstream } = processArguments();
createServer(createPassThrough(upstream, UPSTREAM_CONNECTIONS)).listen(port, '127.0.0.1');
