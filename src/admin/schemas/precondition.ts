import { z } from 'zod';

/** RFC 9110 §13.1.1: a list of entity tags, or `*` for whatever is there. */
export const preconditionFields = z.looseObject({
  'if-match': z
    .string()
    .max(2000)
    .optional()
    .describe('The ETag of what is to be changed; refused (412) if it has another one by now.'),
});
