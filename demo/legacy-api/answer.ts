/** How the legacy API writes its answers. Bodies are bytes with a `Content-Length`; node leaves them out for HEAD. */
import type { ServerResponse } from 'node:http';

type Fields = Readonly<Record<string, string | readonly string[]>>;

/** Ends the response with this body. */
export function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: Buffer | string,
  fields: Fields = {},
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': bytes.byteLength });
  response.end(bytes);
}

/** `json` is text that is already JSON: ids beyond 2^53 would not survive `JSON.stringify` of a number. */
export function answerJson(
  response: ServerResponse,
  status: number,
  json: Buffer | string,
  fields?: Fields,
): void {
  answer(response, status, 'application/json; charset=utf-8', json, fields);
}

/** The API's own clumsy error shape, as old clients parse it. */
export function refuse(response: ServerResponse, status: number, errorCode: number, message: string): void {
  const body = { Success: false, ErrorCode: errorCode, ErrorMessage: message, Data: null };
  answerJson(response, status, JSON.stringify(body));
}
