import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, type CommandOptions, type CommandResult } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** An ordinary user that exists for a test's programs only. Needs root, `tool:setpriv` and `tool:newuidmap`. */
export interface OrdinaryUser {
  readonly uid: number;
  /** His own folder; everybody may look into it. */
  readonly home: string;
  readonly runtimeFolder: string;
  /** A store in his home. */
  readonly store: string;
  /** What a command line begins with to be his; `tsbuild(user.store, user.through)`. */
  readonly through: readonly string[];
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export interface UserOptions {
  /** Lines of /etc/subuid and /etc/subgid without the name; none: the user has no ids but his own. */
  readonly ranges?: readonly string[] | undefined;
}

const name = 'tsbuild-test';
const uid = 54321;

/** 65536 ids, as useradd gives them. */
export const usualRanges = ['3000000:65536'];

/**
 * Neither the machine's users nor its id ranges change: every program is started in a mount namespace of its own, where
 * the files that name them are others.
 */
export function ordinaryUser({ ranges = usualRanges }: UserOptions = {}): OrdinaryUser {
  const folder = tempFolder('user').path;
  chmodSync(folder, 0o755);
  const own = (path: string): string => {
    mkdirSync(path, { mode: 0o755 });
    chownSync(path, uid, uid);
    return path;
  };
  const home = own(join(folder, 'home'));
  const runtimeFolder = own(join(folder, 'run'));
  const etc = join(folder, 'etc');
  mkdirSync(etc);
  const files = {
    passwd: `${readFileSync('/etc/passwd', 'utf8')}${name}:x:${uid}:${uid}::${home}:/bin/sh\n`,
    group: `${readFileSync('/etc/group', 'utf8')}${name}:x:${uid}:\n`,
    subuid: ranges.map((range) => `${name}:${range}\n`).join(''),
    subgid: ranges.map((range) => `${name}:${range}\n`).join(''),
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(etc, file), text);
  const through = [
    ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', become, etc],
    ...[`HOME=${home}`, `XDG_RUNTIME_DIR=${runtimeFolder}`],
  ];
  return {
    uid,
    home,
    runtimeFolder,
    store: join(home, 'store'),
    through,
    run: (argv, options = {}) => runCommand([...through, ...argv], { cwd: home, ...options }),
  };
}

/** The files must be there to be covered: a machine without the package of newuidmap has none. */
const become = `
set -e
for file in passwd group subuid subgid; do
  [ -e /etc/$file ] || : > /etc/$file
  mount --bind "$0/$file" /etc/$file
done
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups env -u TSBUILD_ROOT -u XDG_DATA_HOME USER=${name} "$@"`;
