import { Client, credentials } from '@grpc/grpc-js';
import {
  AUTHORIZATION,
  type CheckRequest,
  type CheckResponse,
} from '../../src/forward-auth/check-messages.ts';

export interface CheckClient {
  check(request: CheckRequest): Promise<CheckResponse>;
  /** Bytes in the place of a message. */
  checkBytes(bytes: Buffer): Promise<CheckResponse>;
  close(): void;
}

/** Asks as Envoy does. `address`: `host:port` or `unix:/path`. */
export function createCheckClient(address: string): CheckClient {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = AUTHORIZATION.Check;
  function checkBytes(bytes: Buffer): Promise<CheckResponse> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (raw: Buffer) => raw,
        responseDeserialize,
        bytes,
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(answer);
        },
      );
    });
  }
  return {
    checkBytes,
    check: (request) => checkBytes(requestSerialize(request)),
    close: () => client.close(),
  };
}
