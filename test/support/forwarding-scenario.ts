import { onTestFinished } from 'vitest';
import {
  type ForwardingGateway,
  type ForwardingGatewayOptions,
  startForwardingGateway,
} from './forwarding-gateway.ts';
import { connectRaw, exchangeRaw, type RawAnswer, type RawClient } from './raw-client.ts';
import {
  type RawHandler,
  type RawUpstream,
  type RawUpstreamOptions,
  startRawUpstream,
} from './raw-upstream.ts';

/** A raw upstream that ends with the test. */
export async function upstreamFor(
  handler: RawHandler | string,
  options?: RawUpstreamOptions,
): Promise<RawUpstream> {
  const upstream = await startRawUpstream(handler, options);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** A forwarding gateway that ends with the test. */
export async function gatewayFor(options: ForwardingGatewayOptions): Promise<ForwardingGateway> {
  const gateway = await startForwardingGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

export async function clientFor(gateway: ForwardingGateway): Promise<RawClient> {
  const client = await connectRaw(gateway.port);
  onTestFinished(() => client.close());
  return client;
}

export interface Scenario {
  readonly upstream: RawUpstream;
  readonly gateway: ForwardingGateway;
  /** One request on a connection of its own, which it closes. */
  readonly ask: (startLine: string, ...lines: readonly string[]) => Promise<RawAnswer>;
}

/** One upstream `api` with one target, and a gateway in front of it. */
export async function scenario(
  handler: RawHandler | string,
  options: Partial<ForwardingGatewayOptions> & { readonly raw?: RawUpstreamOptions } = {},
): Promise<Scenario> {
  const upstream = await upstreamFor(handler, options.raw);
  const gateway = await gatewayFor({
    ...options,
    upstream: { targets: [upstream.origin], ...options.upstream },
  });
  return {
    upstream,
    gateway,
    ask: (startLine, ...lines) =>
      exchangeRaw(
        gateway.port,
        [`${startLine} HTTP/1.1`, 'Host: client.test', 'Connection: close', ...lines, '', ''].join('\r\n'),
      ),
  };
}

/** An answer in wire form, Latin-1. */
export function answerOf(statusLine: string, fields: readonly string[] = [], body = ''): string {
  return [`HTTP/1.1 ${statusLine}`, ...fields, '', body].join('\r\n');
}

export const OK = answerOf('200 OK', ['Content-Length: 2'], 'ok');
