import { z } from 'zod';
import { integer } from './scalars.ts';

export const workersSchema = z
  .union([integer(1, 64), z.literal('auto')], { error: 'a whole number from 1 to 64, or auto' })
  .prefault(1)
  .describe(
    'Processes that serve clients from this host, over a store that they share; auto: one per available core. Limits that a process counts by itself, such as concurrency, are for each worker. Changes need a restart.',
  );
