import { http2 } from './http2.ts';
import { keys } from './keys.ts';
import { leavingClients } from './leaving-clients.ts';
import { reloads } from './reloads.ts';
import { sessions } from './sessions.ts';
import { slowClients } from './slow-clients.ts';
import type { Actor } from './stage.ts';
import { upstreamFaults } from './upstream-faults.ts';
import { webSockets } from './web-sockets.ts';

export const ACTORS: readonly Actor[] = [
  keys,
  sessions,
  webSockets,
  http2,
  upstreamFaults,
  slowClients,
  leavingClients,
  reloads,
];
