/** The part of oidc-provider that the demo issuer uses; the package brings no types. */
declare module 'oidc-provider/lib/provider.js' {
  import type { JsonWebKey } from 'node:crypto';
  import type { RequestListener } from 'node:http';

  export interface Client {
    readonly clientId: string;
  }

  export interface Token {
    readonly clientId: string;
  }

  /** `type` is the media type, `body` is sent as JSON when it is an object. */
  export interface Context {
    type: string;
    body: unknown;
  }

  /** Where issued tokens are kept, one per kind of token; the client_credentials grant calls no more than these. */
  export interface Adapter {
    readonly upsert: (id: string, payload: object, expiresInSeconds: number) => Promise<void>;
    readonly find: (id: string) => Promise<object | undefined>;
    readonly destroy: (id: string) => Promise<void>;
  }

  export interface ClientMetadata {
    readonly client_id: string;
    readonly client_secret: string;
    readonly grant_types: readonly string[];
    readonly response_types: readonly string[];
    readonly redirect_uris: readonly string[];
    readonly scope?: string;
  }

  export interface ResourceServer {
    readonly audience: string;
    readonly scope: string;
    readonly accessTokenFormat: 'jwt' | 'opaque';
    readonly jwt?: { readonly sign: { readonly alg: string } };
  }

  export interface Configuration {
    readonly adapter: (kind: string) => Adapter;
    readonly clients: readonly ClientMetadata[];
    readonly clientDefaults: { readonly id_token_signed_response_alg: string };
    readonly clientBasedCORS: (context: Context, origin: string, client: Client) => boolean;
    readonly cookies: { readonly keys: readonly string[] };
    readonly extraTokenClaims: (context: Context, token: Token) => object | undefined;
    readonly features: {
      readonly clientCredentials: { readonly enabled: boolean };
      readonly devInteractions: { readonly enabled: boolean };
      readonly introspection: {
        readonly enabled: boolean;
        readonly allowedPolicy: (context: Context, client: Client, token: Token) => boolean;
      };
      readonly resourceIndicators: {
        readonly enabled: boolean;
        readonly getResourceServerInfo: (
          context: Context,
          resource: string,
          client: Client,
        ) => ResourceServer;
      };
      readonly rpInitiatedLogout: { readonly enabled: boolean };
      readonly userinfo: { readonly enabled: boolean };
    };
    readonly jwks: { readonly keys: readonly JsonWebKey[] };
    readonly renderError: (context: Context, error: object) => void;
    readonly responseTypes: readonly string[];
    readonly routes: { readonly introspection: string; readonly jwks: string; readonly token: string };
    readonly scopes: readonly string[];
    readonly ttl: { readonly ClientCredentials: number };
  }

  export class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): RequestListener;
  }
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  /** Answered as `invalid_target` (RFC 8707 §2). */
  export class InvalidTarget extends Error {}
}
