import { join } from 'node:path';
import type { RuntimeConfig } from '../../src/oci/runtime-spec.ts';
import type { SetupOp } from '../../src/runtime/index.ts';
import { launchPlan, planInFolder } from './launch-plan.ts';
import { parseSeen, probeRoot, type Seen } from './probe.ts';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/**
 * What the probe sees after a plan that `change` has had its way with: how a test shows what an attack would meet
 * without its guard. The launcher is started in a session that holds a key, and there are no cgroups.
 */
export async function seenAfterPlan(
  config: RuntimeConfig,
  change: (plan: readonly SetupOp[]) => readonly SetupOp[] = (plan) => plan,
): Promise<Seen> {
  const withKey = join(tempFolder('with-key').path, 'with-key');
  await runOk(['gcc', '-O1', '-static', '-o', withKey, join(import.meta.dirname, 'with-key.c')]);
  const rootfs = await probeRoot();
  const { output, reports } = await launchPlan(change(planInFolder(config, rootfs)), [withKey]);
  const seen = parseSeen(output, rootfs);
  if (seen.size < 100) throw new Error(`the plan failed: ${output}${JSON.stringify(reports)}`);
  return seen;
}
