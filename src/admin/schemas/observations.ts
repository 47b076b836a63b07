import { z } from 'zod';

const observationView = z
  .object({
    route: z.string(),
    tenant: z.string().exactOptional().describe('Absent: it was not determined.'),
    code: z.string().describe('Deny code that the client would have got.'),
    count: z.int(),
    firstAt: z.string(),
    lastAt: z.string(),
    lastReason: z.string().describe('Of the latest request.'),
  })
  .meta({ id: 'Observation' });
export const observationsView = z.object({ observations: z.array(observationView).readonly() });

export type ObservationView = z.output<typeof observationView>;
