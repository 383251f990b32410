import type { ProcessConfig } from '../../oci/runtime-spec.ts';
import { containerEnv, resolveUser, type ResolvedUser } from '../../runtime/index.ts';
import type { RootDir } from '../../sys/index.ts';
import { TsbuildError } from '../../core/index.ts';
import type { ContainerRecord } from './types.ts';

/** What to run in a container that runs, over what its own program has. */
export interface ExecOptions {
  readonly args: readonly string[];
  /** `key=value`; a key without `=` is removed. */
  readonly env?: readonly string[] | undefined;
  /** Absolute. */
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly terminal?: boolean | undefined;
  readonly privileged?: boolean | undefined;
}

/** The process, for `execInContainer`. */
export function execProcess(record: ContainerRecord, options: ExecOptions): (root: RootDir) => ProcessConfig {
  const { process } = record.spec.config;
  const { args, terminal = false, cwd = process.cwd } = options;
  const texts = [...args, ...(options.env ?? []), cwd];
  if (texts.some((text) => text.includes('\0')))
    throw new TsbuildError('USAGE', 'a NUL character cannot be part of a command');
  return (root) => {
    const user = options.user === undefined ? undefined : resolveUser(root, options.user);
    return {
      ...process,
      args,
      cwd,
      terminal,
      env: execEnv({ record, options, root, user }),
      ...(user !== undefined && {
        user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      }),
    };
  };
}

interface EnvParts {
  readonly record: ContainerRecord;
  readonly options: ExecOptions;
  readonly root: RootDir;
  readonly user: ResolvedUser | undefined;
}

function execEnv({ record, options, root, user }: EnvParts): readonly string[] {
  const { env, user: own } = record.spec.config.process;
  // Written without its user's name: the numbers need no file that the container may have damaged.
  const ownHome = user === undefined ? '' : resolveUser(root, `${own.uid}:${own.gid}`).home;
  // A home that nobody chose is that of the user.
  const inherited = user === undefined ? env : env.filter((entry) => entry !== `HOME=${ownHome}`);
  return containerEnv({
    env: [...inherited, ...(options.env ?? [])],
    home: user?.home ?? '/',
    terminal: options.terminal === true,
  });
}
