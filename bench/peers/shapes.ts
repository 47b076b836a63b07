import { type RequestShape, requestText } from '../load/request.ts';
import type { RunningTarget } from '../measure/lab.ts';
import { DOWNLOAD_PATH } from '../upstream/body.ts';

const POST_BODY = JSON.stringify({ lines: 'x'.repeat(10_000 - '{"lines":""}'.length) });
const LIVE_PATH = '/live/orders';

type Fields = Readonly<Record<string, string>>;

/** What a page sends with a request that changes something: sessions have to show it. All paths get it. */
const CHANGING: Fields = {
  'Content-Type': 'application/json',
  'Content-Length': String(POST_BODY.length),
  'Sec-Fetch-Site': 'same-origin',
  'Gatehouse-CSRF': '1',
};

const HANDSHAKE: Fields = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'MDEyMzQ1Njc4OWFiY2RlZg==',
};

function texts(
  { fields }: Pick<RunningTarget, 'fields'>,
  further: Fields,
  shape: RequestShape,
): readonly string[] {
  return [requestText({ ...fields, ...further }, shape)];
}

/** Answered with 1 MB. */
export function downloads(running: Pick<RunningTarget, 'fields'>): readonly string[] {
  return texts(running, {}, { path: DOWNLOAD_PATH });
}

/** With a body of 10 kB. */
export function posts(running: Pick<RunningTarget, 'fields'>): readonly string[] {
  return texts(running, CHANGING, { method: 'POST', body: POST_BODY });
}

/** The opening of a WebSocket. */
export function handshakes(running: Pick<RunningTarget, 'fields'>): readonly string[] {
  return texts(running, HANDSHAKE, { path: LIVE_PATH });
}
