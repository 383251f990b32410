import { z } from 'zod';

import { hookStages } from '../../oci/index.ts';

/** oci-hooks(5), version 1.0.0. What is not known of a condition is refused: the hook would run for the wrong containers. */

const pattern = z
  .string()
  .max(4096)
  .refine(isExpression, { error: 'not a regular expression' })
  .transform((text) => new RegExp(text));

function isExpression(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

const text = z
  .string()
  .max(65_536)
  .regex(/^[^\0]*$/);

const when = z.strictObject({
  always: z.boolean().optional(),
  /** Patterns of keys, and of their values. */
  annotations: z
    .record(z.string().max(4096).refine(isExpression, { error: 'not a regular expression' }), pattern)
    .transform((pairs) => Object.entries(pairs).map(([key, value]) => ({ key: new RegExp(key), value })))
    .optional(),
  commands: z.array(pattern).max(1000).optional(),
  hasBindMounts: z.boolean().optional(),
});

const hook = z.strictObject({
  path: z.string().max(4096).startsWith('/', { error: 'not an absolute path' }),
  args: z.array(text).min(1).max(1000).optional(),
  env: z.array(text).max(1000).optional(),
  timeout: z.int().min(1).max(86_400).optional(),
});

export const hookFile = z.strictObject({
  version: z.literal('1.0.0', { error: 'only 1.0.0 is known' }),
  hook,
  when,
  stages: z.array(z.enum(hookStages)).min(1, { error: 'no stage' }),
});

export type HookFile = z.infer<typeof hookFile>;
