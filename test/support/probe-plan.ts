import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { RuntimeConfig } from '../../src/oci/runtime-spec.ts';
import { encodeRequest, planSetup, type SetupOp } from '../../src/runtime/index.ts';
import { hostSeccompArch } from '../../src/runtime/index.ts';
import { encodeCommand } from '../../src/runtime/reports.ts';
import { parseSeen, probeRoot, type Seen } from './probe.ts';
import { projectRoot } from './paths.ts';
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
  const folder = tempFolder('plan').path;
  const scratch = { root: join(folder, 'root'), tree: join(folder, 'tree') };
  for (const path of Object.values(scratch)) mkdirSync(path);
  const withKey = join(folder, 'with-key');
  await runOk(['gcc', '-O1', '-static', '-o', withKey, join(import.meta.dirname, 'with-key.c')]);
  const rootfs = await probeRoot();
  const plan = planSetup(
    { id: 'plan', config, rootfs: { kind: 'bind', path: rootfs }, stdio: 'pipe' },
    {
      scratch,
      stubs: undefined,
      cgroup: { version: 'none', folders: [], cleanup: [] },
      inUserNamespace: false,
      architecture: hostSeccompArch(),
    },
  );
  const child = spawn(withKey, [join(projectRoot, 'dist/native/launcher')], {
    cwd: '/',
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => output.push(chunk));
  }
  const control = child.stdio[3] as Socket;
  const reports: Buffer[] = [];
  control.on('data', (chunk: Buffer) => reports.push(chunk));
  control.write(Buffer.concat([encodeRequest(change(plan)), encodeCommand('start')]));
  await once(child.stdout ?? control, 'end');
  control.end();
  await once(child, 'close');
  const seen = parseSeen(Buffer.concat(output).toString(), rootfs);
  if (seen.size < 100)
    throw new Error(`the plan failed: ${Buffer.concat([...output, ...reports]).toString('latin1')}`);
  return seen;
}
