import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { RuntimeConfig } from '../../src/oci/runtime-spec.ts';
import {
  encodeRequest,
  hostSeccompArch,
  planSetup,
  type SetupOp,
  type Stdio,
} from '../../src/runtime/index.ts';
import { encodeCommand, ReportReader, type Report } from '../../src/runtime/reports.ts';
import { projectRoot } from './paths.ts';
import { tempFolder } from './temp-folder.ts';

export const launcherProgram = join(projectRoot, 'dist/native/launcher');

/** The plan of a container in a folder, on a machine without cgroups. */
export function planInFolder(
  config: RuntimeConfig,
  rootfs: string,
  stdio: Stdio = 'pipe',
): readonly SetupOp[] {
  const folder = tempFolder('plan').path;
  const scratch = { root: join(folder, 'root'), tree: join(folder, 'tree') };
  for (const path of Object.values(scratch)) mkdirSync(path);
  return planSetup(
    { id: 'plan', config, rootfs: { kind: 'bind', path: rootfs }, stdio },
    {
      scratch,
      stubs: undefined,
      cgroup: { version: 'none', folders: [], cleanup: [] },
      inUserNamespace: false,
      architecture: hostSeccompArch(),
    },
  );
}

export interface Launched {
  /** Of the program, both streams. */
  readonly output: string;
  readonly reports: readonly Report[];
}

/**
 * Has the launcher carry out any plan at all, also one that no planner makes, to the end of its program or its first
 * error. `through` is a command that executes the launcher as what its arguments end with.
 */
export async function launchPlan(
  plan: readonly SetupOp[],
  through: readonly string[] = [],
): Promise<Launched> {
  const [program, ...args] = [...through, launcherProgram];
  const child = spawn(program, args, { cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => output.push(chunk));
  }
  const control = child.stdio[3] as Socket;
  const reader = new ReportReader();
  const reports: Report[] = [];
  const ended = Promise.withResolvers<undefined>();
  control.on('error', () => undefined);
  control.on('data', (bytes: Buffer) => {
    reports.push(...reader.push(bytes));
    if (reports.some(({ kind }) => kind === 'error' || kind === 'exited')) ended.resolve(undefined);
  });
  child.once('exit', () => ended.resolve(undefined));
  control.write(Buffer.concat([encodeRequest(plan), encodeCommand('start')]));
  const closed = once(child, 'close');
  await ended.promise;
  control.end();
  await closed;
  return { output: Buffer.concat(output).toString(), reports };
}

/** The error that ended a plan, or undefined: then the program has run. */
export function errorOf({
  reports,
}: Launched): { readonly text: string; readonly errno: number } | undefined {
  return reports.find((report) => report.kind === 'error');
}
