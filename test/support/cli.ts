import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { busyboxName, busyboxTar } from './busybox.ts';
import { debianBaseTar } from './debian-base.ts';
import { debianBaseName } from './docker-engine.ts';
import { projectRoot } from './paths.ts';
import { runCommand, type CommandOptions, type CommandResult } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** The executable, as a user starts it: built, and picking its own Node. */
export const tsbuildProgram = join(projectRoot, 'bin/tsbuild.js');

/** The command line with a store of its own. */
export interface Tsbuild {
  /** The folder given as --root. */
  readonly root: string;
  /** Runs `tsbuild ARGS` to its end, whatever that is. */
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs `tsbuild ARGS`, which must succeed, and returns its standard output without the last line end. */
  ok(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Starts `tsbuild ARGS` and returns at once, with pipes for input and output. */
  start(args: readonly string[], options?: { readonly cwd?: string }): ChildProcess;
}

/** A tsbuild whose store is empty, or is `root`. `through`: a program and its arguments that start it, as nsenter. */
export function tsbuild(root: string = tempFolder('root').path, through: readonly string[] = []): Tsbuild {
  // The tests choose the store; the user's own settings must not.
  const environment = (extra?: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
    const { TSBUILD_ROOT: _, ...rest } = process.env;
    return { ...rest, NODE_EXTRA_CA_CERTS: undefined, ...extra };
  };
  const argv = (args: readonly string[]): string[] => [...through, tsbuildProgram, '--root', root, ...args];
  const run = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
    runCommand(argv(args), { ...options, env: environment(options.env) });
  return {
    root,
    run,
    async ok(args, options) {
      const { status, stdout, stderr } = await run(args, options);
      if (status !== 0)
        throw new Error(`tsbuild ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
      return stdout.replace(/\n$/, '');
    },
    start: (args, { cwd } = {}) => {
      const [program = '', ...rest] = argv(args);
      return spawn(program, rest, { cwd, env: environment(), stdio: 'pipe' });
    },
  };
}

/** A tsbuild whose store holds the Debian base under the name that the fixtures build on. */
export async function tsbuildWithBase(root?: string): Promise<Tsbuild> {
  const cli = tsbuild(root);
  await cli.ok(['import', await debianBaseTar(), debianBaseName]);
  return cli;
}

/** A tsbuild whose store holds the small base `busybox:1`. */
export async function tsbuildWithBusybox(root?: string, through?: readonly string[]): Promise<Tsbuild> {
  const cli = tsbuild(root, through);
  await cli.ok(['import', await busyboxTar(), busyboxName]);
  return cli;
}
