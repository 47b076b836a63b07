import swagger from '@fastify/swagger';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { AdminApp } from './admin-context.ts';
import { answers } from './schemas/answers.ts';
import { documentView } from './schemas/document.ts';

const OPENAPI = '3.1.0';

const TAGS = [
  { name: 'keys', description: 'API keys.' },
  { name: 'tenants', description: 'Tenants of the store and of the configuration.' },
  { name: 'clients', description: 'OAuth clients.' },
  { name: 'sessions', description: "Users' logins, and all that was given out for them." },
  { name: 'revocations', description: 'The revocation list.' },
  { name: 'operations', description: 'Configuration, status, audit, signing keys, backup.' },
];

/** Describes every route that is registered from now on, by the schemas that requests and answers are checked with. */
export function describeApi(app: AdminApp, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: OPENAPI,
      info: {
        title: 'Gatehouse administration',
        description:
          'Every request needs a bearer admin token of the role that the operation names; each role may do what those before it may: viewer, operator, admin. Problems are application/problem+json (RFC 9457).',
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS,
      components: {
        securitySchemes: { adminToken: { type: 'http', scheme: 'bearer', description: 'An admin token.' } },
      },
      security: [{ adminToken: [] }],
    },
    transform: ({ schema, ...document }) => {
      const { role } = document.route.config ?? {};
      const described = transform({ schema, ...document });
      return {
        ...described,
        schema: { ...described.schema, description: `Needs the role ${role}.` },
      };
    },
    transformObject: (document) =>
      'openapiObject' in document ? tidy(transformObject(document) as OpenApi) : document.swaggerObject,
  });
}

const transform = createJsonSchemaTransform({});
const transformObject = createJsonSchemaTransformObject({});

type OpenApi = Partial<OpenAPIV3_1.Document>;

/** Named schemas are of answers alone, and each problem is written once. */
function tidy(document: OpenApi): OpenApi {
  const schemas = Object.entries(document.components?.schemas ?? {});
  const problems: Record<string, OpenAPIV3_1.ResponseObject | OpenAPIV3_1.ReferenceObject> = {};
  const paths = structuredClone(document.paths ?? {});
  for (const item of Object.values(paths)) {
    for (const operation of Object.values(item ?? {})) {
      if (typeof operation !== 'object' || !('responses' in operation)) continue;
      const responses = operation.responses ?? {};
      for (const [status, response] of Object.entries(responses)) {
        if ('description' in response && response.description === 'Default Response') {
          response.description = 'Success.';
        }
        if (Number(status) < 400) continue;
        problems[`Problem${status}`] = response;
        responses[status] = { $ref: `#/components/responses/Problem${status}` };
      }
    }
  }
  return {
    ...document,
    paths,
    components: {
      ...document.components,
      schemas: Object.fromEntries(schemas.filter(([name]) => !name.endsWith('Input'))),
      responses: problems,
    },
  };
}

export function documentRoute(app: AdminApp): void {
  app.get(
    '/openapi.json',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'getDocument',
        tags: ['operations'],
        summary: 'This document',
        response: answers({ 200: documentView }),
      },
    },
    () => ({ ...app.swagger(), openapi: OPENAPI }),
  );
}
