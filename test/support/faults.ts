import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Tsbuild } from './cli.ts';
import { projectRoot } from './paths.ts';
import { runOk, type CommandResult } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** `kill` before the call; `half`: kill when the half of what is to be written is written; else how the call fails. */
export type FaultKind = 'kill' | 'half' | 'ENOSPC' | 'EDQUOT' | 'EIO' | 'EMFILE' | 'EROFS';

export interface Fault {
  readonly what: FaultKind;
  /** Strikes the n-th call or the first one after it that can fail so. */
  readonly at: number;
  /** Strikes all such calls from there on, as a full disk does. */
  readonly lasts?: boolean;
}

/** A call by which a command touched its store. */
export interface StoreCall {
  readonly number: number;
  /** Its name: `rename`. */
  readonly name: string;
  /** What it does, in bits; see `callKinds`. */
  readonly kinds: number;
  readonly path: string;
}

/** As in fault-shim.c. */
export const callKinds = { reads: 1, opens: 2, grows: 4, names: 8, changes: 16, syncs: 32 } as const;

const strikes: Readonly<Record<FaultKind, number>> = {
  kill: callKinds.grows | callKinds.names | callKinds.changes | callKinds.syncs,
  half: callKinds.grows,
  ENOSPC: callKinds.grows | callKinds.names,
  EDQUOT: callKinds.grows | callKinds.names,
  EIO: 63,
  EMFILE: callKinds.opens,
  EROFS: callKinds.names | callKinds.changes,
};

/** Every call of a command at which the fault would change something. */
export function faultsOf(calls: readonly StoreCall[], what: FaultKind, lasts = false): readonly Fault[] {
  return calls
    .filter(({ kinds }) => (kinds & strikes[what]) !== 0)
    .map(({ number: at }) => ({ what, at, lasts }));
}

/** The preloaded library, compiled once per run of the tests; see fault-shim.c. */
async function faultShim(): Promise<string> {
  const library = join(inject('runFolder'), `fault-shim-${process.pid}.so`);
  if (!existsSync(library)) {
    const source = join(projectRoot, 'test/support/fault-shim.c');
    await runOk(['cc', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  }
  return library;
}

export interface FaultyRun {
  /** The command of tsbuild. */
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The folder whose files count; default the store. */
  readonly root?: string;
}

/** Runs the command with a fault. */
export async function runWithFault(cli: Tsbuild, run: FaultyRun, fault: Fault): Promise<CommandResult> {
  return cli.run(run.args, { env: await environment(cli, run, faultWords(fault)) });
}

function faultWords({ what, at, lasts = false }: Fault): NodeJS.ProcessEnv {
  return { FAULT_DO: what, FAULT_AT: String(at), FAULT_LASTS: lasts ? '1' : undefined };
}

/** Runs the command to its end, which must be a good one, and gives the calls that it made. */
export async function callsOf(cli: Tsbuild, run: FaultyRun): Promise<readonly StoreCall[]> {
  const log = join(tempFolder('calls').path, 'log');
  await cli.ok(run.args, { env: await environment(cli, run, { FAULT_LOG: log }) });
  return readCalls(log).filter(({ number }) => number > 0);
}

/**
 * Runs the command, with a fault if there is one; what is in the store at a syncfs is copied into the folder `synced`.
 * `files`: the inodes of those that were synced by themselves.
 */
export async function runCopying(
  cli: Tsbuild,
  run: FaultyRun,
  options: { readonly synced: string; readonly fault?: Fault | undefined },
): Promise<CommandResult & { readonly files: ReadonlySet<number> }> {
  const log = join(tempFolder('calls').path, 'log');
  const words = {
    ...(options.fault && faultWords(options.fault)),
    FAULT_SYNCED: options.synced,
    FAULT_LOG: log,
  };
  const result = await cli.run(run.args, { env: await environment(cli, run, words) });
  const files = readCalls(log).filter(({ name }) => name === 'synced-file');
  return { ...result, files: new Set(files.map(({ path }) => Number(path))) };
}

function readCalls(log: string): readonly StoreCall[] {
  return readFileSync(log, 'latin1')
    .split('\n')
    .flatMap((line) => {
      const [, number, kinds, name = '', path = ''] = /^(\d+) (\d+) (\S+) (.*)$/.exec(line) ?? [];
      return number === undefined ? [] : [{ number: Number(number), kinds: Number(kinds), name, path }];
    });
}

async function environment(
  cli: Tsbuild,
  run: FaultyRun,
  words: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  return {
    ...process.env,
    ...run.env,
    ...words,
    LD_PRELOAD: await faultShim(),
    FAULT_ROOT: run.root ?? cli.root,
    TSBUILD_ROOT: undefined,
  };
}
