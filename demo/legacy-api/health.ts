/** Whether the API is up: `/status` for anybody, `/health` for whoever probes it. */
import { answer } from './answer.ts';
import type { Call, Route } from './route.ts';

function showStatus(call: Call): void {
  answer(call.response, 200, 'text/plain', 'ok');
}

export const HEALTH_ROUTES: readonly Route[] = [
  { kind: 'public', path: /^\/(?:status|health)$/, handlers: { GET: showStatus } },
];
