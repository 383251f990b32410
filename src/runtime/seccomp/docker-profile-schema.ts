import { z } from 'zod';

import { seccompActions, seccompOperators } from '../../oci/index.ts';

const action = z.enum(seccompActions);
const errno = z.int().min(0).max(4095);
const argument = z.object({
  index: z.int().min(0).max(5),
  // A larger number has lost bits already, and would let other calls pass than those meant.
  value: z.int().nonnegative(),
  valueTwo: z.int().nonnegative().optional(),
  op: z.enum(seccompOperators),
});
const condition = z.object({
  caps: z.array(z.string()).nullish(),
  arches: z.array(z.string()).nullish(),
  minKernel: z
    .string()
    .regex(/^\d+\.\d+$/)
    .nullish(),
});
const rule = z.object({
  name: z.string().optional(),
  names: z.array(z.string()).nullish(),
  action,
  errnoRet: errno.nullish(),
  args: z.array(argument).nullish(),
  includes: condition.nullish(),
  excludes: condition.nullish(),
});
/** A profile file in Docker's format. */
export const profile = z.object({
  defaultAction: action,
  defaultErrnoRet: errno.nullish(),
  architectures: z.array(z.string()).nullish(),
  archMap: z
    .array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() }))
    .nullish(),
  flags: z.array(z.string()).nullish(),
  syscalls: z.array(rule).nullish(),
});

export type Profile = z.infer<typeof profile>;
export type Condition = z.infer<typeof condition>;
