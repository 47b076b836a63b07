import httpProxy from '@fastify/http-proxy';
import { fastify } from 'fastify';
import { processArguments, UPSTREAM_CONNECTIONS } from './arguments.ts';

const { port, upstream } = processArguments();
const server = fastify({ logger: false });
await server.register(httpProxy, {
  upstream,
  websocket: true,
  undici: { connections: UPSTREAM_CONNECTIONS, pipelining: 1 },
});
await server.listen({ port, host: '127.0.0.1' });
