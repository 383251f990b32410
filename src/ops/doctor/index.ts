import { judge } from './judge/index.ts';
import { findFacts } from './probe/index.ts';
import type { DoctorReport } from './types.ts';

export { judge } from './judge/index.ts';
export type * from './types.ts';

/** Examines this machine for building and running with the store at `root`, which is not made. */
export async function examine(root: string): Promise<DoctorReport> {
  return judge(await findFacts(root));
}
