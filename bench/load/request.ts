/** The path of each request: as long as those of a typical REST API. */
export const REQUEST_PATH = '/api/v1/orders/9007199254740993?expand=lines';

/** Host of each request. */
export const PUBLIC_HOST = 'api.example.com';

/**
 * What a server-side client sends. All targets get the same fields, the unused credential too: dropping or
 * forwarding it is part of their work, and a longer request must not count against one of them.
 */
export const REQUEST_FIELDS: Readonly<Record<string, string>> = {
  Host: PUBLIC_HOST,
  'User-Agent': 'orders-sync/4.2',
  Accept: 'application/json',
  'Accept-Encoding': 'gzip, br',
  'X-Api-Key': 'ghk_0123abcd_0123456789abcdefghijABCDEFGHIJ01000000',
};

/** Fields of a request; with `null`, one of `REQUEST_FIELDS` is left out. */
export type FieldChanges = Readonly<Record<string, string | null>>;

/** By lower-case name: that a target spells a field in another way does not make it two. */
export function requestFields(changes: FieldChanges): Readonly<Record<string, string>> {
  const fields = new Map(
    Object.entries(REQUEST_FIELDS).map(([name, value]) => [name.toLowerCase(), [name, value] as const]),
  );
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) fields.delete(name.toLowerCase());
    else fields.set(name.toLowerCase(), [name, value]);
  }
  return Object.fromEntries(fields.values());
}

/** Another request than the GET of `REQUEST_PATH`. */
export interface RequestShape {
  readonly method?: 'POST';
  readonly path?: string;
  /** Latin-1. */
  readonly body?: string;
}

/** A whole request, as it goes over the wire. */
export function requestText(
  fields: Readonly<Record<string, string>>,
  { method, path = REQUEST_PATH, body = '' }: RequestShape = {},
): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method ?? 'GET'} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
