/** Answers what arrived: what a test or a demo needs to see of a request. */
import { answerJson } from './answer.ts';
import { digestBody } from './body.ts';
import { receivedOf } from './received.ts';
import type { Call, Route } from './route.ts';

async function echo(call: Call): Promise<void> {
  const body = await digestBody(call.request);
  answerJson(call.response, 200, JSON.stringify({ ...receivedOf(call.request), body }));
}

export const ECHO_ROUTES: readonly Route[] = [
  { kind: 'tenant', path: /^\/api\/echo(?:\/.*)?$/, handlers: { '*': echo } },
];
