import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** `envoy.config.core.v3.HeaderValue`. */
interface HeaderValue {
  readonly key?: string;
  readonly value?: string;
  /** Instead of `value`: bytes, UTF-8 or not. Envoy writes it, and does not read it. */
  readonly rawValue?: Uint8Array;
}

/** The part of `envoy.service.auth.v3.CheckRequest` that a decision needs. Envoy leaves out what is empty. */
export interface CheckRequest {
  readonly attributes?: {
    /** The TCP peer of Envoy. */
    readonly source?: { readonly address?: { readonly socketAddress?: { readonly address?: string } } };
    readonly request?: { readonly http?: CheckedHttp };
  };
}

/** `AttributeContext.HttpRequest`. */
export interface CheckedHttp {
  readonly method?: string;
  /** Path and query. */
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  /** Pseudo fields among them; values of a field that came twice are joined by a comma. */
  readonly headers?: readonly HeaderValue[];
  /** Instead of `headers`, with `encode_raw_headers`: each field that came. */
  readonly headerMap?: { readonly headers?: readonly HeaderValue[] };
}

/** `envoy.config.core.v3.HeaderValueOption`. */
export interface HeaderValueOption {
  readonly header: HeaderValue;
  /** Number of `HeaderAppendAction`. */
  readonly appendAction: number;
}

/** `envoy.service.auth.v3.CheckResponse`: one that says nothing would be a pass. */
export interface CheckResponse {
  /** `google.rpc.Status`: 0 is OK. */
  readonly status: { readonly code: number };
  readonly okResponse?: {
    readonly headers: readonly HeaderValueOption[];
    readonly headersToRemove: readonly string[];
  };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderValueOption[];
    readonly body: string;
  };
}

/** The numbers on the wire are Envoy's (api/envoy/service/auth/v3); the fields that we do not read are left out. */
const MESSAGES = fromJSON({
  nested: {
    CheckRequest: { fields: { attributes: { type: 'AttributeContext', id: 1 } } },
    AttributeContext: { fields: { source: { type: 'Peer', id: 1 }, request: { type: 'Request', id: 4 } } },
    Peer: { fields: { address: { type: 'Address', id: 1 } } },
    Address: { fields: { socketAddress: { type: 'SocketAddress', id: 1 } } },
    SocketAddress: { fields: { address: { type: 'string', id: 2 } } },
    Request: { fields: { http: { type: 'HttpRequest', id: 2 } } },
    HttpRequest: {
      fields: {
        method: { type: 'string', id: 2 },
        // A map, which is on the wire what this is, without names that mean something to an object.
        headers: { rule: 'repeated', type: 'HeaderValue', id: 3 },
        path: { type: 'string', id: 4 },
        host: { type: 'string', id: 5 },
        scheme: { type: 'string', id: 6 },
        headerMap: { type: 'HeaderMap', id: 13 },
      },
    },
    HeaderMap: { fields: { headers: { rule: 'repeated', type: 'HeaderValue', id: 1 } } },
    HeaderValue: {
      fields: {
        key: { type: 'string', id: 1 },
        value: { type: 'string', id: 2 },
        rawValue: { type: 'bytes', id: 3 },
      },
    },
    CheckResponse: {
      fields: {
        status: { type: 'Status', id: 1 },
        deniedResponse: { type: 'DeniedHttpResponse', id: 2 },
        okResponse: { type: 'OkHttpResponse', id: 3 },
      },
    },
    Status: { fields: { code: { type: 'int32', id: 1 } } },
    DeniedHttpResponse: {
      fields: {
        status: { type: 'HttpStatus', id: 1 },
        headers: { rule: 'repeated', type: 'HeaderValueOption', id: 2 },
        body: { type: 'string', id: 3 },
      },
    },
    HttpStatus: { fields: { code: { type: 'int32', id: 1 } } },
    OkHttpResponse: {
      fields: {
        headers: { rule: 'repeated', type: 'HeaderValueOption', id: 2 },
        headersToRemove: { rule: 'repeated', type: 'string', id: 5 },
      },
    },
    HeaderValueOption: {
      fields: {
        header: { type: 'HeaderValue', id: 1 },
        appendAction: { type: 'int32', id: 3 },
      },
    },
  },
});

interface Codec {
  serialize(this: void, message: object): Buffer;
  deserialize(this: void, bytes: Buffer): object;
}

function codecOf(name: string): Codec {
  const definition = MESSAGES[name];
  if (
    definition === undefined ||
    !('deserialize' in definition) ||
    typeof definition.deserialize !== 'function'
  )
    throw new Error(`no message ${name}`);
  return definition as Codec;
}

const REQUEST = codecOf('CheckRequest');
const RESPONSE = codecOf('CheckResponse');

/** Bytes that are no such message say nothing, which is answered with a refusal: an error may be set to let pass. */
function readRequest(bytes: Buffer): CheckRequest {
  try {
    return REQUEST.deserialize(bytes);
  } catch {
    return {};
  }
}

export type CheckMethod = handleUnaryCall<CheckRequest, CheckResponse>;

export const AUTHORIZATION: ServiceDefinition<{ Check: CheckMethod }> = {
  Check: {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: REQUEST.serialize,
    requestDeserialize: readRequest,
    responseSerialize: RESPONSE.serialize,
    responseDeserialize: (bytes) => RESPONSE.deserialize(bytes) as CheckResponse,
  },
};
