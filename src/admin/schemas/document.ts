import { z } from 'zod';

export const documentView = z.looseObject({ openapi: z.string() }).describe('An OpenAPI 3.1 document.');
